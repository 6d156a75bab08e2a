"""One writer at a time."""

import os
import signal
import subprocess
import sys
import time
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


HOLD = """
import sys
from pathlib import Path
from store.log_writer import LogWriter
from tests.store.builders import append, small_commits
writer = LogWriter.create(Path(sys.argv[1]), sync="always")
append(writer, small_commits(2))
writer.flush()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_writer_is_refused_at_once_and_succeeds_when_the_first_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        start_s = time.monotonic()
        with pytest.raises(LogLocked) as caught:
            LogWriter.resume(folder)
        assert time.monotonic() - start_s < 1
        assert caught.value.pid == holder.pid
        assert f"process {holder.pid} is writing" in str(caught.value)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        start_s = time.monotonic()
        with LogWriter.resume(folder) as writer:
            assert writer.last_seq == small_commits(2)[-1][-1].seq
        assert time.monotonic() - start_s < 1
