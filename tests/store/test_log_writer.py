"""What the writer refuses, when it syncs, and what it does when the disk fails."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bus.bodies import TelemetryReceived
from bus.codec import LINE_BYTES_MAX, encode_event
from bus.events import Event
from store.errors import CommitRefused, FolderUnusable, LogClosed, WriteFailed
from store.log_reader import read_events
from store.log_writer import LogWriter
from store.recovery import recover
from store.verify import verify
from tests.store.builders import append, commit_of, segments_of, small_commits, write_log


def test_seqs_must_be_dense(tmp_path: Path) -> None:
    with LogWriter.create(tmp_path / "events") as writer:
        append(writer, small_commits(2))
        for first_seq in (0, 1, 3, 5):
            with pytest.raises(CommitRefused, match="the next seq is 4"):
                writer.append(first_seq, [b"{}"])
        assert writer.last_seq == 3


def test_an_empty_commit_is_refused(tmp_path: Path) -> None:
    with LogWriter.create(tmp_path / "events") as writer, pytest.raises(CommitRefused, match="0 events"):
        writer.append(1, [])


def test_a_line_that_is_too_long_is_refused_and_nothing_of_its_commit_is_taken(tmp_path: Path) -> None:
    events = small_commits(3)
    with LogWriter.create(tmp_path / "events") as writer:
        append(writer, events[:2])
        crc = writer.crc
        with pytest.raises(CommitRefused, match=r"a line of 10485\d\d bytes"):
            writer.append(4, [encode_event(events[2][0]), b"{" + b" " * LINE_BYTES_MAX + b"}"])
        assert (writer.last_seq, writer.crc) == (3, crc)
        append(writer, events[2:])
    assert verify(tmp_path / "events").sound


def test_a_commit_may_be_longer_than_a_line_and_than_a_segment(tmp_path: Path) -> None:
    body = TelemetryReceived(message="x" * 60_000)
    commits = [*small_commits(1), commit_of(2, [body] * 40), commit_of(42, [body])]
    events = write_log(tmp_path / "events", commits, segment_bytes_max=100_000)
    assert list(read_events(tmp_path / "events")) == events
    assert len(segments_of(tmp_path / "events")) == 3


def test_a_closed_log_takes_nothing_more(tmp_path: Path) -> None:
    writer = LogWriter.create(tmp_path / "events")
    digest = writer.close()
    assert writer.close() == digest
    with pytest.raises(LogClosed):
        writer.append(1, [b"{}"])
    with pytest.raises(LogClosed):
        writer.flush()
    with pytest.raises(LogClosed):
        LogWriter.resume(tmp_path / "events")


def test_a_log_is_not_begun_in_a_folder_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(FolderUnusable, match="not empty"):
        LogWriter.create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(FolderUnusable, match="No such file"):
        LogWriter.create(tmp_path / "missing" / "events")


def test_an_exception_leaves_a_valid_log_that_is_not_closed(tmp_path: Path) -> None:
    def fail() -> None:
        with LogWriter.create(tmp_path / "events") as writer:
            append(writer, small_commits(4))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    verification = verify(tmp_path / "events")
    assert verification.sound
    assert (verification.closed, verification.event_count, verification.torn_bytes) == (False, 7, 0)


class _Disk:
    """Counts the syncs of data, and fails the calls it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sync_count = 0
        self.write_error: int | None = None
        self.sync_error: int | None = None
        self.write_bytes_max = 1 << 30
        self._write: Callable[[int, Any], int] = os.write
        self._fdatasync = os.fdatasync
        monkeypatch.setattr(os, "write", self.write)
        monkeypatch.setattr(os, "fdatasync", self.fdatasync)

    def write(self, fd: int, data: memoryview) -> int:
        if self.write_error is not None:
            raise OSError(self.write_error, os.strerror(self.write_error))
        return self._write(fd, data[: self.write_bytes_max])

    def fdatasync(self, fd: int) -> None:
        if self.sync_error is not None:
            raise OSError(self.sync_error, os.strerror(self.sync_error))
        self.sync_count += 1
        self._fdatasync(fd)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> _Disk:
    return _Disk(monkeypatch)


def test_short_writes_are_continued(tmp_path: Path, disk: _Disk) -> None:
    disk.write_bytes_max = 7
    events = write_log(tmp_path / "events", small_commits(10))
    assert list(read_events(tmp_path / "events")) == events


@pytest.mark.parametrize("failing", ["write_error", "sync_error"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_after_a_failed_write_or_sync_every_call_raises_and_nothing_is_tried_again(
    tmp_path: Path, disk: _Disk, failing: str, code: int
) -> None:
    commits = small_commits(4)
    writer = LogWriter.create(tmp_path / "events", sync="always")
    append(writer, commits[:2])
    writer.flush()
    append(writer, commits[2:3])
    setattr(disk, failing, code)
    with pytest.raises(WriteFailed, match=os.strerror(code)):
        writer.flush()
    setattr(disk, failing, None)
    bytes_on_disk = segments_of(tmp_path / "events")[0].read_bytes()
    calls: list[Callable[[], object]] = [
        writer.flush,
        lambda: append(writer, commits[3:]),
        writer.close,
        writer.close,
    ]
    for call in calls:
        with pytest.raises(WriteFailed, match=os.strerror(code)):
            call()
    assert segments_of(tmp_path / "events")[0].read_bytes() == bytes_on_disk
    assert disk.sync_count == 1
    assert recover(tmp_path / "events").last_seq >= 3


def test_a_write_that_fails_half_way_leaves_a_log_that_recovers(tmp_path: Path, disk: _Disk) -> None:
    events = write_log(tmp_path / "whole", small_commits(6))
    writer = LogWriter.create(tmp_path / "events")
    append(writer, small_commits(6))
    disk.write_bytes_max = 1_000
    real_write = disk.write

    def fail_at_second(fd: int, data: memoryview) -> int:
        disk.write_error = errno.ENOSPC if written else None
        written.append(real_write(fd, data))
        return written[-1]

    written: list[int] = []
    os.write = fail_at_second  # type: ignore[assignment]  # the fixture puts the real one back
    with pytest.raises(WriteFailed, match=f"No space left.*`trinity resume {tmp_path}` goes on"):
        writer.close()
    disk.write_error = None
    os.write = real_write  # type: ignore[assignment]  # as above
    recovered = recover(tmp_path / "events")
    assert recovered.cut_bytes > 0
    assert list(read_events(tmp_path / "events")) == events[: recovered.last_seq]


def test_always_syncs_each_flush_that_has_something_new(tmp_path: Path, disk: _Disk) -> None:
    with LogWriter.create(tmp_path / "events", sync="always") as writer:
        for number, commit in enumerate(small_commits(5), 1):
            append(writer, [commit])
            writer.flush()
            writer.flush()
            assert disk.sync_count == number


def test_interval_syncs_when_its_time_has_passed(tmp_path: Path, disk: _Disk) -> None:
    now_ns = 1_000
    writer = LogWriter.create(
        tmp_path / "events", sync="interval", sync_interval_ns=100, clock=lambda: now_ns
    )
    counts = []
    for commit in small_commits(6):
        append(writer, [commit])
        writer.flush()
        counts.append(disk.sync_count)
        now_ns += 40
    assert counts == [1, 1, 1, 2, 2, 2]
    writer.close()
    assert disk.sync_count == 3


def test_off_never_syncs_segments(tmp_path: Path, disk: _Disk) -> None:
    write_log(tmp_path / "events", small_commits(20), segment_bytes_max=1_000)
    assert disk.sync_count == 0


def test_commits_reach_the_file_at_a_flush_or_when_the_buffer_is_full(tmp_path: Path) -> None:
    with LogWriter.create(tmp_path / "events") as writer:
        append(writer, small_commits(3))
        segment = segments_of(tmp_path / "events")[0]
        assert segment.stat().st_size == 0
        writer.flush()
        assert segment.stat().st_size > 0
        flushed_bytes = segment.stat().st_size
        body = TelemetryReceived(message="x" * 60_000)
        seq = writer.last_seq + 1
        for number in range(20):
            append(writer, [commit_of(seq + number, [body])])
        assert segment.stat().st_size > flushed_bytes + (1 << 20)


def test_events_are_what_the_sequencer_gave(tmp_path: Path) -> None:
    commits: list[list[Event]] = small_commits(3)
    assert write_log(tmp_path / "events", commits) == [event for commit in commits for event in commit]
