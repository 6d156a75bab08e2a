"""Everything is killed before and after every event of a run, and the run taken up again. Must not sample
in full: each event is one attempt.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from bus.errors import TrinityError
from simulator.scenario import Scenario
from tests.torture.outcome import Effort, Outcome
from tests.torture.runs import chaos, cut_run, lines_of, record, resume

SEED = 8
"""With every kind of outage, lost and copied deliveries, and faults of the disk."""
DURATION = "7h"
"""About 2,000 events."""
SHORT_COUNT = 25
WORKERS = 2


def run(effort: Effort) -> list[Outcome]:
    scenario = chaos(SEED, DURATION)
    with TemporaryDirectory() as scratch:
        whole = record(scenario, Path(scratch, "whole"))
        lines = lines_of(whole.folder)
        step = max(1, len(lines) // effort.count(len(lines), SHORT_COUNT))
        resumed = partial(_resumed_digest, scenario, Path(scratch))
        if effort.is_full:
            with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
                digests = list(pool.map(resumed, _logs(lines, step), chunksize=20))
        else:
            digests = [resumed(log) for log in _logs(lines, step)]
    figures: dict[str, int | float] = {
        "events": len(lines),
        "resumed": len(digests),
        "differing": sum(digest not in (None, whole.digest) for digest in digests),
        "refused": digests.count(None),
    }
    return [Outcome("kill before and after every event", len(digests), figures, ("differing", "refused"))]


def _logs(lines: list[bytes], step: int) -> Iterator[bytes]:
    """What is on the disk after each kill: whole lines, and every other time the first half of the next."""
    for count in range(0, len(lines), step):
        torn = lines[count][: len(lines[count]) // 2] if count % 2 else b""
        yield b"".join(lines[:count]) + torn


def _resumed_digest(scenario: Scenario, scratch: Path, log: bytes) -> str | None:
    with TemporaryDirectory(dir=scratch) as path:
        try:
            return resume(scenario, cut_run(scenario, Path(path, "run"), log)).digest
        except TrinityError:
            return None
