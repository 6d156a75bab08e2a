"""The log of an interrupted run can be opened again; no other closed log can."""

from pathlib import Path
from typing import Literal

import pytest

from bus.bodies import RunFinished, TelemetryReceived
from bus.events import Event
from store.errors import LogClosed, LogDamage, LogLocked
from store.lock import WriterLock
from store.log_reader import read_events
from store.log_writer import LogWriter
from store.manifest import read_manifest
from store.reopening import reopen, unseal
from store.verify import verify
from tests.store.builders import append, commit_of, segments_of, small_commits, write_log

COMMITS = small_commits(8)
EVENTS = [event for commit in COMMITS for event in commit]


def finished(status: Literal["completed", "failed", "interrupted"]) -> list[Event]:
    return commit_of(EVENTS[-1].seq + 1, [RunFinished(status)])


def state_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("segment_bytes_max", [1 << 20, 1_400, 1])
def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path, segment_bytes_max: int) -> None:
    folder = tmp_path / "events"
    write_log(folder, [*COMMITS, finished("interrupted")], segment_bytes_max=segment_bytes_max)
    last_line = b"".join(path.read_bytes() for path in segments_of(folder)).splitlines(keepends=True)[-1]
    reopened = reopen(folder)
    assert (reopened.last_seq, reopened.closed, reopened.cut_event_count) == (EVENTS[-1].seq, False, 1)
    assert reopened.torn is not None
    assert reopened.torn.read_bytes() == last_line
    assert reopened.cut_bytes == len(last_line)
    verification = verify(folder)
    assert (verification.sound, verification.closed, verification.torn_bytes) == (True, False, 0)
    assert list(read_events(folder)) == EVENTS
    with LogWriter.resume(folder, segment_bytes_max=segment_bytes_max) as writer:
        assert (writer.last_seq, writer.crc) == (reopened.last_seq, reopened.crc)
        append(writer, [commit_of(writer.last_seq + 1, [TelemetryReceived(message="on")])])
    assert verify(folder).sound


@pytest.mark.parametrize(
    "last",
    [
        finished("completed"),
        finished("failed"),
        commit_of(EVENTS[-1].seq + 1, [TelemetryReceived(message="x"), RunFinished("interrupted")]),
        commit_of(EVENTS[-1].seq + 1, [TelemetryReceived(message="x")]),
    ],
)
def test_any_other_closed_log_stays_closed(tmp_path: Path, last: list[Event]) -> None:
    folder = tmp_path / "events"
    write_log(folder, [*COMMITS, last], segment_bytes_max=1_400)
    before = state_of(folder)
    with pytest.raises(LogClosed):
        reopen(folder)
    assert state_of(folder) == before


def test_a_log_without_events_stays_closed(tmp_path: Path) -> None:
    LogWriter.create(tmp_path / "events").close()
    with pytest.raises(LogClosed):
        reopen(tmp_path / "events")
    assert unseal(tmp_path / "events").last_seq == 0
    with LogWriter.resume(tmp_path / "events") as writer:
        append(writer, COMMITS)
    assert list(read_events(tmp_path / "events")) == EVENTS


def test_reopening_twice_is_reopening_once(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    write_log(folder, [*COMMITS, finished("interrupted")])
    first = reopen(folder)
    before = state_of(folder)
    second = reopen(folder)
    assert (second.last_seq, second.crc, second.cut_bytes, second.torn) == (
        first.last_seq,
        first.crc,
        0,
        None,
    )
    assert state_of(folder) == before


def test_a_log_that_ends_as_interrupted_but_was_not_closed_loses_that_end_too(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    write_log(folder, [*COMMITS, finished("interrupted")], close=False)
    assert reopen(folder).last_seq == EVENTS[-1].seq
    assert list(read_events(folder)) == EVENTS


def test_a_segment_that_was_begun_for_nothing_goes(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    write_log(folder, [*COMMITS, finished("interrupted")], segment_bytes_max=1, close=False)
    # A writer that dies between two segments, and another that closes the log.
    manifest = read_manifest(folder)
    assert manifest is not None
    last_seq = EVENTS[-1].seq + 1
    writer = LogWriter.resume(folder, segment_bytes_max=1)
    writer._begin_segment()
    writer.close()
    assert segments_of(folder)[-1].stat().st_size == 0
    assert int(segments_of(folder)[-1].stem) == last_seq + 1
    assert reopen(folder).last_seq == EVENTS[-1].seq
    assert int(segments_of(folder)[-1].stem) == last_seq
    assert verify(folder).sound
    assert list(read_events(folder)) == EVENTS


def test_a_damaged_log_is_not_opened(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    write_log(folder, [*COMMITS, finished("interrupted")], segment_bytes_max=1_400)
    first = segments_of(folder)[0]
    first.write_bytes(first.read_bytes().replace(b"Build 1", b"Build 7"))
    before = state_of(folder)
    with pytest.raises(LogDamage, match=first.name):
        reopen(folder)
    assert state_of(folder) == before


def test_a_log_that_is_being_written_is_not_opened(tmp_path: Path) -> None:
    write_log(tmp_path / "events", [*COMMITS, finished("interrupted")])
    lock = WriterLock(tmp_path / "events")
    with pytest.raises(LogLocked):
        reopen(tmp_path / "events")
    lock.release()


def test_a_log_is_unsealed_with_all_that_it_holds(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    write_log(folder, COMMITS, segment_bytes_max=1_400)
    segments = {path: path.read_bytes() for path in segments_of(folder)}
    unsealed = unseal(folder)
    assert (unsealed.last_seq, unsealed.closed, unsealed.cut_bytes) == (EVENTS[-1].seq, False, 0)
    assert {path: path.read_bytes() for path in segments_of(folder)} == segments
    LogWriter.resume(folder, segment_bytes_max=1_400).close()
    assert verify(folder).sound
    assert verify(folder).closed
