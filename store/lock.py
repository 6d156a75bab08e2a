"""The lock that lets one process at a time write a log. Must not read or write the log itself.

``flock`` on the file ``writer.lock``, which holds the pid of the holder in decimal. The kernel releases the
lock when the holder ends, however it ends; the file stays, empty after a release in good order.
"""

import contextlib
import fcntl
import os
from pathlib import Path

from store.errors import LogLocked, folder_error

LOCK_NAME = "writer.lock"
_PID_BYTES_MAX = 32


class WriterLock:
    """Held from construction until :meth:`release`."""

    def __init__(self, folder: Path) -> None:
        """Take the lock, without waiting.

        Raises:
            LogLocked: somebody else holds it, possibly in this process.
            FolderUnusable, FolderRefused: the lock file cannot be opened or written.
        """
        path = folder / LOCK_NAME
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise folder_error(path, "cannot lock", error) from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(fd, 0)
            os.pwrite(fd, b"%d\n" % os.getpid(), 0)
        except BlockingIOError:
            pid = _read_pid(fd)
            os.close(fd)
            raise LogLocked(folder, pid) from None
        except OSError as error:
            os.close(fd)
            raise folder_error(path, "cannot lock", error) from None
        self._fd = fd

    def release(self) -> None:
        """Let go; a second call does nothing."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        # A full or failed disk may refuse the truncation. The pid is only for people: the kernel's lock
        # counts.
        with contextlib.suppress(OSError):
            os.ftruncate(fd, 0)
        os.close(fd)


def _read_pid(fd: int) -> int | None:
    text = os.pread(fd, _PID_BYTES_MAX, 0).strip()
    return int(text) if text.isdigit() else None
