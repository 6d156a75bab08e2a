"""Appending commits to the log against a raw write of the same bytes; reading it against the plain decode loop."""

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from zlib import crc32

import msgspec

from bench.finding import Finding, at_least, plain
from bench.realistic_log import Commit, busy_run, commits_of, write_unfinished
from bench.rounds import interleave
from bus.codec import Envelope, encode_event
from store.log_reader import read_envelopes, read_events
from store.log_writer import LogWriter
from store.recovery import recover

TARGET = 0.5
"""Of the speed of raw writes."""
READ_TARGET = 0.75
"""Of the speed of the plain loop."""
ROUNDS = 7
EVENT_COUNT = 250_000
WRITE_BYTES = 1 << 20


def measure(round_count: int, folder: Path) -> list[Finding]:
    source = busy_run(folder, EVENT_COUNT)
    commits = list(commits_of(source))
    lines = b"".join(segment.read_bytes() for segment in sorted(source.events.glob("*.jsonl")))
    # The commits are this benchmark's own: in a run nobody holds a quarter of a million of them for the garbage
    # collector to look through.
    gc.collect()
    gc.freeze()
    unfinished = folder / "unfinished"
    write_unfinished(commits, unfinished)
    candidates: dict[str, Callable[[], None]] = {
        "raw": lambda: _write_raw(lines, folder / "raw"),
        "append": lambda: _append(commits, folder / "log", encodes=False),
        "encode": lambda: _append(commits, folder / "log", encodes=True),
        "plain loop": lambda: _decode_plainly(source.events),
        "envelopes": lambda: _exhaust(read_envelopes(source.events)),
        "events": lambda: _exhaust(read_events(source.events)),
        "recover": lambda: _recover(unfinished),
    }
    rounds = interleave(candidates, round_count)
    print(rounds.load_line())
    gc.unfreeze()
    event_count = sum(len(commit.events) for commit in commits)
    return [
        at_least("append", "raw os.write / append, encoded before", rounds.ratios("raw", "append"), TARGET),
        plain("append", "raw os.write / append, encoding included", rounds.ratios("raw", "encode")),
        plain("append", "append, encoded before", [event_count / s for s in rounds.seconds["append"]], "ev/s"),
        plain("append", "append, encoding included", [event_count / s for s in rounds.seconds["encode"]], "ev/s"),
        plain("append", "events in a commit", [event_count / len(commits)], "events"),
        at_least("append", "plain loop / read_envelopes", rounds.ratios("plain loop", "envelopes"), READ_TARGET),
        plain("append", "plain loop / read_events, bodies decoded", rounds.ratios("plain loop", "events")),
        plain("append", "plain loop / recovery, SHA-256 included", rounds.ratios("plain loop", "recover")),
        plain("append", "plain loop", [event_count / s for s in rounds.seconds["plain loop"]], "ev/s"),
    ]


def _write_raw(lines: bytes, path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    view = memoryview(lines)
    for start in range(0, len(lines), WRITE_BYTES):
        os.write(descriptor, view[start : start + WRITE_BYTES])
    os.close(descriptor)
    path.unlink()


def _append(commits: list[Commit], folder: Path, *, encodes: bool) -> None:
    writer = LogWriter.create(folder)
    if encodes:
        for commit in commits:
            writer.append(commit.first_seq, [encode_event(event) for event in commit.events])
    else:
        for commit in commits:
            writer.append(commit.first_seq, commit.events_json)
    writer.close()
    shutil.rmtree(folder)


def _decode_plainly(folder: Path) -> None:
    """What reading costs without this program: split lines, chain CRCs, decode envelopes."""
    decode = msgspec.json.Decoder(Envelope).decode
    crc = 0
    for path in sorted(folder.glob("*.jsonl")):
        with path.open("rb") as file:
            for line in file:
                crc = crc32(b"}", crc32(line[: line.rindex(b',"crc":')], crc))
                if decode(line).crc != crc:
                    raise RuntimeError(f"{path}: bad crc")


def _exhaust(items: Iterator[object]) -> None:
    for _ in items:
        pass


def _recover(folder: Path) -> None:
    """Finds nothing to cut, so that every round does the same."""
    if recover(folder).cut_bytes:
        raise RuntimeError(f"{folder}: a log without a torn tail was cut")
