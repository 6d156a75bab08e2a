"""Appending commits to the log against a raw write of the same bytes; reading it against a plain loop."""

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
from store.log_writer import LogWriter, SyncPolicy
from store.recovery import recover

TARGET = 0.5
"""Of the speed of raw writes."""
READ_TARGET = 0.75
"""Of the speed of the plain loop."""
ROUNDS = 7
EVENT_COUNT = 250_000
WRITE_BYTES = 1 << 20
SYNC_COMMITS = 128
"""About 256 events are made durable together."""


def measure(round_count: int, folder: Path) -> list[Finding]:
    source = busy_run(folder, EVENT_COUNT)
    commits = list(commits_of(source))
    lines = b"".join(segment.read_bytes() for segment in sorted(source.events.glob("*.jsonl")))
    # In a run nobody holds so many commits for the garbage collector to look through.
    gc.collect()
    gc.freeze()
    synced_bytes = len(lines) * SYNC_COMMITS // len(commits)
    unfinished = folder / "unfinished"
    write_unfinished(commits, unfinished)
    candidates: dict[str, Callable[[], None]] = {
        "raw": lambda: _write_raw(lines, folder / "raw", WRITE_BYTES, syncs=False),
        "append": lambda: _append(commits, folder / "log", "off"),
        "encode": lambda: _append_encoding(commits, folder / "log"),
        "raw, synced": lambda: _write_raw(lines, folder / "raw", synced_bytes, syncs=True),
        "append, synced": lambda: _append(commits, folder / "log", "always"),
        "plain loop": lambda: _decode_plainly(source.events),
        "envelopes": lambda: _exhaust(read_envelopes(source.events)),
        "events": lambda: _exhaust(read_events(source.events)),
        "recover": lambda: _recover(unfinished),
    }
    rounds = interleave(candidates, round_count)
    print(rounds.load_line())
    gc.unfreeze()
    synced = rounds.ratios("raw, synced", "append, synced")
    event_count = sum(len(commit.events) for commit in commits)
    return [
        at_least("raw os.write / append, encoded before", rounds.ratios("raw", "append"), TARGET),
        plain("raw os.write / append, encoding included", rounds.ratios("raw", "encode")),
        plain("append, encoded before", [event_count / s for s in rounds.seconds["append"]], "ev/s"),
        plain("append, encoding included", [event_count / s for s in rounds.seconds["encode"]], "ev/s"),
        plain("events in a commit", [event_count / len(commits)], "events"),
        at_least("raw / append, both with fdatasync every 128 commits", synced, TARGET),
        at_least("plain loop / read_envelopes", rounds.ratios("plain loop", "envelopes"), READ_TARGET),
        plain("plain loop / read_events, bodies decoded", rounds.ratios("plain loop", "events")),
        plain("plain loop / recovery, SHA-256 included", rounds.ratios("plain loop", "recover")),
        plain("plain loop", [event_count / s for s in rounds.seconds["plain loop"]], "ev/s"),
    ]


def _write_raw(lines: bytes, path: Path, chunk_bytes: int, *, syncs: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    view = memoryview(lines)
    for start in range(0, len(lines), chunk_bytes):
        os.write(descriptor, view[start : start + chunk_bytes])
        if syncs:
            os.fdatasync(descriptor)
    os.close(descriptor)
    path.unlink()


def _append(commits: list[Commit], folder: Path, sync: SyncPolicy) -> None:
    writer = LogWriter.create(folder, sync=sync)
    for number, commit in enumerate(commits, 1):
        writer.append(commit.first_seq, commit.events_json)
        if sync == "always" and number % SYNC_COMMITS == 0:
            writer.flush()
    writer.close()
    shutil.rmtree(folder)


def _append_encoding(commits: list[Commit], folder: Path) -> None:
    writer = LogWriter.create(folder)
    for commit in commits:
        writer.append(commit.first_seq, [encode_event(event) for event in commit.events])
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
