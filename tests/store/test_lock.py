"""One writer at a time."""

import os
from pathlib import Path

import pytest

from store.errors import LogLocked
from store.lock import LOCK_NAME, WriterLock
from store.log_reader import read_events
from store.log_writer import LogWriter
from tests.store.builders import append, small_commits


def test_a_second_writer_is_told_the_pid_of_the_first(tmp_path: Path) -> None:
    with LogWriter.create(tmp_path / "events") as writer:
        append(writer, small_commits(1))
        with pytest.raises(LogLocked, match=f"process {os.getpid()} is writing this log") as caught:
            LogWriter.resume(tmp_path / "events")
        assert caught.value.pid == os.getpid()


def test_the_log_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    with LogWriter.create(tmp_path / "events") as writer:
        append(writer, small_commits(2))
        writer.flush()
        assert len(list(read_events(tmp_path / "events"))) == 3


def test_a_released_lock_is_free_and_names_nobody(tmp_path: Path) -> None:
    lock = WriterLock(tmp_path)
    assert (tmp_path / LOCK_NAME).read_text() == f"{os.getpid()}\n"
    lock.release()
    lock.release()
    assert (tmp_path / LOCK_NAME).read_bytes() == b""
    WriterLock(tmp_path).release()
