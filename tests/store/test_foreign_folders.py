"""Folders that are no log of ours, or not ours to write: one line says so, and no byte is touched."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bus.errors import TrinityError
from store.errors import FolderRefused, LogDamage, UnknownFormat
from store.log_reader import read_lines
from store.log_writer import LogWriter
from store.manifest import MANIFEST_NAME, read_manifest, write_manifest
from store.recovery import recover
from store.reopening import reopen, unseal
from tests.store.builders import segments_of, small_commits, write_log

NOBODY = 65_534
ASK: tuple[Callable[[Path], object], ...] = (
    LogWriter.resume,
    recover,
    lambda folder: recover(folder, cut_damage=True),
    reopen,
    unseal,
    lambda folder: list(read_lines(folder)),
)


def hashes_of(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _empty(folder: Path) -> None:
    folder.mkdir()


def _foreign_manifest(folder: Path) -> None:
    folder.mkdir()
    (folder / MANIFEST_NAME).write_text('{"name": "an app", "version": 3}\n')


def _foreign_lines(folder: Path) -> None:
    folder.mkdir()
    (folder / "data.jsonl").write_text('{"a": 1}\n')


def _future(folder: Path) -> None:
    write_log(folder, small_commits(3), close=False)
    (folder / "writer.lock").unlink()
    manifest = read_manifest(folder)
    assert manifest is not None
    write_manifest(folder, type(manifest)(2, False, None, manifest.active, ()))


def _folder_in_place_of_a_segment(folder: Path) -> None:
    write_log(folder, small_commits(3), close=False)
    (folder / "writer.lock").unlink()
    segment = segments_of(folder)[0]
    segment.unlink()
    segment.mkdir()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (_empty, LogDamage),
        (_foreign_manifest, LogDamage),
        (_foreign_lines, LogDamage),
        (_future, UnknownFormat),
    ],
)
def test_what_is_no_log_of_ours_is_told_in_one_line_and_left_alone(
    tmp_path: Path, make: Callable[[Path], None], expected: type[TrinityError]
) -> None:
    folder = tmp_path / "events"
    make(folder)
    before = hashes_of(tmp_path)
    for ask in ASK:
        with pytest.raises(expected) as caught:
            ask(folder)
        assert "\n" not in str(caught.value)
        assert str(folder) in str(caught.value)
    assert hashes_of(tmp_path) == before


def test_a_folder_in_place_of_a_segment_is_told_in_one_line(tmp_path: Path) -> None:
    _folder_in_place_of_a_segment(tmp_path / "events")
    for ask in ASK:
        with pytest.raises(TrinityError) as caught:
            ask(tmp_path / "events")
        assert "\n" not in str(caught.value)
        assert segments_of(tmp_path / "events")[0].name in str(caught.value)


WRITE_AS_SOMEBODY_ELSE = """
import os, sys
from pathlib import Path
from bus.errors import TrinityError
from store.log_writer import LogWriter
from store.recovery import recover
from store.reopening import reopen
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
for ask in (LogWriter.resume, recover, reopen, lambda folder: LogWriter.create(folder / "new")):
    try:
        ask(Path(sys.argv[1]))
        print("not refused")
    except TrinityError as error:
        print(type(error).__name__, error)
"""


def _words_of_nobody(folder: Path) -> list[str]:
    """What somebody without rights is told, a line for each call."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", WRITE_AS_SOMEBODY_ELSE, str(folder), str(NOBODY)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.fixture
def open_path(tmp_path: Path) -> Path:
    """A folder that other users can enter; pytest's own are private."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder.name.startswith(("test_", "pytest-")):
            folder.chmod(0o755)
    return tmp_path


def test_a_folder_that_may_only_be_read_is_refused_in_one_line(open_path: Path) -> None:
    folder = open_path / "events"
    write_log(folder, small_commits(3), close=False)
    (folder / "writer.lock").unlink()
    folder.chmod(0o555)
    before = hashes_of(folder)
    words = _words_of_nobody(folder)
    folder.chmod(0o755)
    assert [word.split()[0] for word in words] == [FolderRefused.__name__] * 4
    assert all("Permission denied" in word and str(folder) in word for word in words)
    assert hashes_of(folder) == before


def test_the_private_log_of_another_user_is_refused_in_one_line(open_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make the files of another user")
    folder = open_path / "events"
    write_log(folder, small_commits(3), close=False)
    folder.chmod(0o700)
    before = hashes_of(folder)
    words = _words_of_nobody(folder)
    assert len(words) == 4
    assert all("Permission denied" in word and "FolderRefused" in word for word in words)
    assert hashes_of(folder) == before
