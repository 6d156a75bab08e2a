"""The system calls that change a log, as a port, so that a bad disk can be put under it. Must not know logs.

Reading needs no port: a bad disk leaves its traces in the files. Nor does the lock, which holds no data.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

WRITES_MAX = 1 << 16
"""One buffer is not written in more pieces than this."""

Made = TypeVar("Made")


class Disk(Protocol):
    """All methods pass on the OSError of the system. ``fd`` is a descriptor that the same disk opened."""

    def make_folder(self, folder: Path) -> None:
        """Make a folder, and its name durable, unless it is there."""

    def create(self, path: Path) -> int:
        """Open a new file for writing; it must not exist."""

    def create_or_empty(self, path: Path) -> int:
        """Open a file for writing that is empty then, whether it exists or not."""

    def open(self, path: Path) -> int:
        """Open a file that exists for appending."""

    def write(self, fd: int, data: bytes | bytearray | memoryview) -> int:
        """Write at the end, perhaps not all; returns how many bytes were taken."""

    def fdatasync(self, fd: int) -> None:
        """Make the bytes and the length of a file durable."""

    def fsync(self, fd: int) -> None:
        """As :meth:`fdatasync`, and all else that is known of the file."""

    def truncate(self, fd: int, size_bytes: int) -> None: ...

    def drop_cache(self, fd: int) -> None:
        """Forget what memory holds of a file that was synced: the next read comes from the disk."""

    def close(self, fd: int) -> None: ...

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name in the same folder, in place of what has that name."""

    def unlink(self, path: Path) -> None: ...

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""


class RealDisk:
    """The system's files."""

    def make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            folder.mkdir()
            self.sync_folder(folder.parent)

    def create(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)

    def create_or_empty(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)

    def open(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)

    def write(self, fd: int, data: bytes | bytearray | memoryview) -> int:
        return os.write(fd, data)

    def fdatasync(self, fd: int) -> None:
        os.fdatasync(fd)

    def fsync(self, fd: int) -> None:
        os.fsync(fd)

    def truncate(self, fd: int, size_bytes: int) -> None:
        os.ftruncate(fd, size_bytes)

    def drop_cache(self, fd: int) -> None:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def close(self, fd: int) -> None:
        os.close(fd)

    def rename(self, source: Path, target: Path) -> None:
        source.rename(target)

    def unlink(self, path: Path) -> None:
        path.unlink()

    def sync_folder(self, folder: Path) -> None:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


REAL_DISK = RealDisk()


class PassingDisk:
    """Passes every call on to another disk. A base for disks that count, refuse or break some of them."""

    def __init__(self, inner: Disk = REAL_DISK) -> None:
        self._inner = inner

    def around(self, name: str, subject: Path | int, call: Callable[[], Made]) -> Made:
        """Every call comes through here: its name, the file or descriptor, and what carries it out."""
        return call()

    def make_folder(self, folder: Path) -> None:
        self.around("make_folder", folder, lambda: self._inner.make_folder(folder))

    def create(self, path: Path) -> int:
        return self.around("create", path, lambda: self._inner.create(path))

    def create_or_empty(self, path: Path) -> int:
        return self.around("create_or_empty", path, lambda: self._inner.create_or_empty(path))

    def open(self, path: Path) -> int:
        return self.around("open", path, lambda: self._inner.open(path))

    def write(self, fd: int, data: bytes | bytearray | memoryview) -> int:
        return self.around("write", fd, lambda: self._inner.write(fd, data))

    def fdatasync(self, fd: int) -> None:
        self.around("fdatasync", fd, lambda: self._inner.fdatasync(fd))

    def fsync(self, fd: int) -> None:
        self.around("fsync", fd, lambda: self._inner.fsync(fd))

    def truncate(self, fd: int, size_bytes: int) -> None:
        self.around("truncate", fd, lambda: self._inner.truncate(fd, size_bytes))

    def drop_cache(self, fd: int) -> None:
        self.around("drop_cache", fd, lambda: self._inner.drop_cache(fd))

    def close(self, fd: int) -> None:
        self.around("close", fd, lambda: self._inner.close(fd))

    def rename(self, source: Path, target: Path) -> None:
        self.around("rename", target, lambda: self._inner.rename(source, target))

    def unlink(self, path: Path) -> None:
        self.around("unlink", path, lambda: self._inner.unlink(path))

    def sync_folder(self, folder: Path) -> None:
        self.around("sync_folder", folder, lambda: self._inner.sync_folder(folder))


def write_all(disk: Disk, fd: int, data: bytes | bytearray) -> None:
    """Write all of it. The system may take less than it is given; near a full disk it does.

    Raises:
        OSError: the disk refused; some of it may be written.
    """
    with memoryview(data) as view:
        written = 0
        for _ in range(WRITES_MAX):
            if written == len(view):
                return
            written += disk.write(fd, view[written:])
    raise OSError(f"a buffer took more than {WRITES_MAX} writes")
