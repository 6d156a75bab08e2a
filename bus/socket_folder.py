"""A folder for a Unix socket that only its owner can enter, on a path short enough. Must not open sockets."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from bus.errors import EnvironmentProblem

SOCKET_NAME = "bus"
LOCK_NAME = "lock"
"""Held (flock) by the owner as long as it lives; a folder whose lock is free is of one that was killed."""
PREFIX = "trinity-"
SHORT_FOLDER = "/tmp"  # noqa: S108 - mkdtemp makes a new folder of mode 0700 in it, and nobody can guess its name
"""Where the folder is made when the path would be too long in the temporary folder."""


class SocketFolder:
    """Made in the temporary folder (TMPDIR), or in ``/tmp`` if a socket's path could not be that long.

    ``path_bytes_max`` is the limit of the kernel, 107 on Linux (unix(7)).

    Raises:
        EnvironmentProblem: no folder can be made, or none with a path short enough.
    """

    def __init__(self, path_bytes_max: int) -> None:
        self._folder = _made(path_bytes_max)
        _remove_left_behind(self._folder.parent)
        self._lock = _locked(self._folder)
        self.socket = self._folder / SOCKET_NAME

    def remove(self) -> None:
        """May be called twice."""
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _made(path_bytes_max: int) -> Path:
    for parent in dict.fromkeys((tempfile.gettempdir(), SHORT_FOLDER)):
        try:
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        except OSError as error:
            raise EnvironmentProblem(
                f"cannot make a folder for the socket in {parent}: {error.strerror or error}; "
                "set TMPDIR to a writable folder"
            ) from None
        if _fits(folder / SOCKET_NAME, path_bytes_max):
            return folder
        folder.rmdir()
    raise EnvironmentProblem(
        f"the path of a socket in {SHORT_FOLDER} would be longer than {path_bytes_max} bytes; "
        "set TMPDIR to a shorter writable folder"
    )


def _fits(socket: Path, path_bytes_max: int) -> bool:
    """ZeroMQ takes paths as UTF-8 only; a path of other bytes is as unusable as one too long."""
    try:
        return len(str(socket).encode()) <= path_bytes_max
    except UnicodeEncodeError:
        return False


def _locked(folder: Path) -> int:
    """The lock gets its name only when it is held, so nobody finds it free while the owner lives."""
    partial = folder / f"{LOCK_NAME}.partial"
    lock = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    partial.rename(folder / LOCK_NAME)
    return lock


def _remove_left_behind(parent: Path) -> None:
    """Remove the folders of owners that were killed, as far as they are ours."""
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # not ours, in use, or somebody else removes it
            lock = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(lock)
