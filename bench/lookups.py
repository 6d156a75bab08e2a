"""What the pattern memory finds, and how fast, as it grows; a million takes a command of its own.

python -m bench.lookups 10000 100000 1000000
"""

import argparse
import random
import re
import subprocess
import sys
import time
from array import array
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec
import numpy as np
import psutil
from msgspec import Struct
from numpy.typing import NDArray

from agents.embedder import SCALE, HashingEmbedder
from bench.finding import Finding, at_least, at_most, plain
from bench.trinity import environment
from simulator.detection.templates import templates
from store.memory import FaissMemory
from store.memory_cache import IndexCache
from store.memory_index import libraries

COUNTS = (10_000, 100_000)
KINDS = ("text", "dense")
ROUNDS = 1
ASKED_COUNT = 1_000
RECALL_MIN = 0.95
RATIO_MAX = 3.0
"""Of a lookup among ten times as many patterns; comparing with every one would be 10."""
INNER_PRODUCT_MIN = round(0.5 * SCALE**2)
"""What WITNESS asks for."""
DENSE_DIMENSIONS = 384
DENSE_SIMILARITIES = (0.5, 0.95)
"""How alike what is asked for is to a vector that is known."""
WORD_COUNT = 20_000
TRUTH_CHUNK = 8_192
_SLOT = re.compile(r"\{\w+\}")
_SYLLABLES = [consonant + vowel for consonant in "bcdfghjklmnprstvwz" for vowel in "aeiou"]
_BYTES_PER_MB = 1e6

Rows = NDArray[np.float32]
SmallRows = NDArray[np.int8]


class Measured(Struct, frozen=True):
    """One memory of one size."""

    index_kind: str
    build_s: float
    """Fold and first question, without a file; of one processor."""
    cached_s: float
    """The same with one."""
    rss_mb: float
    """What the process holds more than before the memory was there, without the vectors that went in."""
    lookup_us: float
    compared_count: float
    """Vectors that a lookup compares with, in the graph; no matter how busy the machine is."""
    recall: float
    """Of the best match, of all that were asked for; an equally good one counts."""
    recall_near: float
    """The same of those that have a match as near as WITNESS asks for."""
    near_share: float
    save_s: float
    file_mb: float


def measure(round_count: int, folder: Path) -> list[Finding]:
    findings = []
    for kind in KINDS:
        rounds = [_in_a_process(kind, folder) for _ in range(round_count)]
        for count, found in zip(COUNTS, zip(*rounds, strict=True), strict=True):
            findings += _findings(f"{kind} {count:,}", found)
        ratios = [found[-1].lookup_us / found[0].lookup_us for found in rounds]
        findings.append(at_most(f"{kind}: lookup at ten times the patterns", ratios, RATIO_MAX))
    return findings


def _findings(title: str, found: Sequence[Measured]) -> list[Finding]:
    return [
        at_least(f"{title} ({found[0].index_kind}): recall@1", [m.recall for m in found], RECALL_MIN),
        plain(f"{title}: recall@1 of what has a near match", [m.recall_near for m in found]),
        plain(f"{title}: share of it", [m.near_share for m in found]),
        plain(f"{title}: lookup", [m.lookup_us for m in found], "us"),
        plain(f"{title}: compared in the graph", [m.compared_count for m in found], "vectors"),
        plain(f"{title}: build", [m.build_s for m in found], "s"),
        plain(f"{title}: build with a file of the graph", [m.cached_s for m in found], "s"),
        plain(f"{title}: RSS of the memory", [m.rss_mb for m in found], "MB"),
        plain(f"{title}: save", [m.save_s for m in found], "s"),
        plain(f"{title}: file", [m.file_mb for m in found], "MB"),
    ]


def _in_a_process(kind: str, folder: Path) -> list[Measured]:
    """Of its own, so that nothing before it has enlarged it."""
    counts = map(str, COUNTS)
    arguments = [sys.executable, "-m", "bench.lookups", *counts, "--kind", kind, "--folder", str(folder)]
    result = subprocess.run(arguments, env=environment(), check=True, capture_output=True)
    return msgspec.json.decode(result.stdout, type=list[Measured])


class Built(NamedTuple):
    """A memory, and what it took to build."""

    memory: FaissMemory
    known: SmallRows
    build_s: float
    rss_mb: float


def measured(kind: str, counts: Sequence[int], folder: Path) -> list[Measured]:
    """Lookups of all memories take turns, so that what else the machine does befalls all alike."""
    known, asked = _texts(max(counts)) if kind == "text" else _dense(max(counts))
    all_built = [_built(kind, known[:count], IndexCache((), folder / f"{kind}-{count}")) for count in counts]
    seconds: list[list[float]] = [[] for _ in counts]
    for row in asked:
        for built, own in zip(all_built, seconds, strict=True):
            own.append(_seconds(built.memory, row))
    return [
        _measured(kind, built, asked, median(own), folder)
        for built, own in zip(all_built, seconds, strict=True)
    ]


def _built(kind: str, known: SmallRows, cache: IndexCache) -> Built:
    rss_bytes = psutil.Process().memory_info().rss
    start_s = time.process_time()
    memory = FaissMemory(kind, known.shape[1], cache=cache)
    for position, row in enumerate(known):
        memory.put(f"pattern-{position:07}", array("f", row.astype("float32").tobytes()))
    memory.settle()
    build_s = time.process_time() - start_s
    return Built(memory, known, build_s, (psutil.Process().memory_info().rss - rss_bytes) / _BYTES_PER_MB)


def _measured(kind: str, built: Built, asked: Rows, lookup_s: float, folder: Path) -> Measured:
    memory, known = built.memory, built.known
    best = _best(known, asked)
    graph_stats = libraries().faiss.cvar.hnsw_stats
    graph_stats.reset()
    found = np.array([_first(memory, row) for row in asked])
    compared_count = graph_stats.ndis / len(asked)
    start_s = time.perf_counter()
    memory.keep()
    save_s = time.perf_counter() - start_s
    path = folder / f"{kind}-{len(known)}"
    is_near = best >= INNER_PRODUCT_MIN
    return Measured(
        index_kind=memory.index_kind,
        build_s=built.build_s,
        cached_s=_built(kind, known, IndexCache([path])).build_s,
        rss_mb=built.rss_mb,
        lookup_us=lookup_s * 1e6,
        compared_count=compared_count,
        recall=float((found == best).mean()),
        recall_near=float((found == best)[is_near].mean()),
        near_share=float(is_near.mean()),
        save_s=save_s,
        file_mb=path.stat().st_size / _BYTES_PER_MB if path.exists() else 0.0,
    )


def _first(memory: FaissMemory, row: Rows) -> int:
    found = memory.matches(array("f", row.tobytes()), -(SCALE**2))
    return found[0].inner_product if found else -(SCALE**2)


def _seconds(memory: FaissMemory, row: Rows) -> float:
    vector = array("f", row.tobytes())
    start_s = time.perf_counter()
    memory.matches(vector, INNER_PRODUCT_MIN)
    return time.perf_counter() - start_s


def _best(known: NDArray[np.int8], asked: Rows) -> Rows:
    """Inner product with the best match of each, by comparing with all."""
    best = np.full(len(asked), -np.inf, dtype="float32")
    for start in range(0, len(known), TRUTH_CHUNK):
        chunk = known[start : start + TRUTH_CHUNK].astype("float32")
        best = np.maximum(best, (asked @ chunk.T).max(axis=1))
    return best


def _texts(count: int) -> tuple[NDArray[np.int8], Rows]:
    """The project's templates with other words in each; what is asked for is filled in like what is known."""
    chance = random.Random(1)
    words = ["".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4))) for _ in range(WORD_COUNT)]
    messages = [message for group in templates().groups for message in group.messages]
    embedder = HashingEmbedder()

    def text() -> str:
        filled = _SLOT.sub(lambda _: chance.choice(words), chance.choice(messages))
        before = f"{chance.choice(words)}: " if chance.random() < 0.5 else ""
        after = f" {chance.choice(words)} {chance.choice(words)}" if chance.random() < 0.7 else ""
        return f"{before}{filled}{after}"

    rows = np.zeros((count + ASKED_COUNT, embedder.dimension_count), dtype="int8")
    for row in rows:
        row[:] = embedder.embed(text())
    return rows[:count], rows[count:].astype("float32")


def _dense(count: int) -> tuple[NDArray[np.int8], Rows]:
    """In all directions alike, as no text is; what is asked for is a known vector with something mixed in."""
    chance = np.random.default_rng(1)
    known = np.empty((count, DENSE_DIMENSIONS), dtype="int8")
    for start in range(0, count, TRUTH_CHUNK):
        chunk = known[start : start + TRUTH_CHUNK]
        chunk[:] = _whole(chance.standard_normal(chunk.shape, dtype="float32"))
    similarities = chance.uniform(*DENSE_SIMILARITIES, (ASKED_COUNT, 1)).astype("float32")
    others = _whole(chance.standard_normal((ASKED_COUNT, DENSE_DIMENSIONS), dtype="float32"))
    targets = known[chance.integers(0, count, ASKED_COUNT)].astype("float32")
    return known, _whole(similarities * targets + np.sqrt(1 - similarities**2) * others)


def _whole(rows: Rows) -> Rows:
    """The same directions, of the usual length and in whole numbers."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    whole: Rows = np.rint(rows * (SCALE / lengths)).astype("float32")
    return whole


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.lookups", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("count", type=int, nargs="+", help="patterns; a million takes about ten minutes")
    parser.add_argument("--kind", choices=KINDS, default="text")
    parser.add_argument("--folder", type=Path, default=Path("/tmp"), help="for the file that is saved")
    options = parser.parse_args()
    print(msgspec.json.encode(measured(options.kind, options.count, options.folder)).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
