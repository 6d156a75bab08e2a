"""SocketFolder: private, short, and not left behind for ever."""

import subprocess
import sys
from pathlib import Path

import pytest

from bus.socket_folder import LOCK_NAME, PREFIX, SocketFolder

PROGRAM = """
import os, signal, sys, tempfile
tempfile.tempdir = sys.argv[1]
from bus.socket_folder import SocketFolder
SocketFolder(107)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def folders(temporary: Path) -> list[Path]:
    return sorted(temporary.glob(f"{PREFIX}*"))


def test_only_its_owner_can_enter_and_it_is_gone_after_removal(temporary: Path) -> None:
    folder = SocketFolder(1_000)
    assert folder.socket.parent.stat().st_mode & 0o777 == 0o700
    folder.remove()
    folder.remove()
    assert folders(temporary) == []


def test_what_a_killed_process_left_is_removed_by_the_next_one(temporary: Path) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM, str(temporary)], check=False)
    (left,) = folders(temporary)
    mine = SocketFolder(1_000)
    assert folders(temporary) == [mine.socket.parent]
    assert not left.exists()
    mine.remove()


def test_what_a_living_process_uses_stays(temporary: Path) -> None:
    first, second = SocketFolder(1_000), SocketFolder(1_000)
    assert folders(temporary) == sorted([first.socket.parent, second.socket.parent])
    first.remove()
    second.remove()


def test_a_folder_of_that_name_without_a_lock_is_not_touched(temporary: Path) -> None:
    foreign = temporary / f"{PREFIX}notes"
    foreign.mkdir()
    (foreign / "keep").write_text("me")
    SocketFolder(1_000).remove()
    assert (foreign / "keep").exists()
    assert not (foreign / LOCK_NAME).exists()
