"""A disk whose power can fail: what was not synced is there in part, in any part. Must not judge a log.

As FoundationDB's simulated disk does, each 512-byte sector and each name that was not synced is dropped, kept
or filled with garbage on its own. Bytes that were synced are never hurt, even if their sector is written
again ("powersafe overwrite" in SQLite's words): a disk that breaks that loses any log.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from store.disk import REAL_DISK, PassingDisk

SECTOR_BYTES = 512

Made = TypeVar("Made")


class Stopped(Exception):
    """The process that used the disk is no more."""


class _File:
    def __init__(self, data: bytes = b"") -> None:
        self.durable = data
        self.now = bytearray(data)


class _Renaming(NamedTuple):
    """A change of names that was not synced. ``None`` stands for no name or no file."""

    old_name: str | None
    new_name: str | None
    file: _File | None


class PowerFailDisk(PassingDisk):
    """The real files of one folder are what memory holds; this knows what of it is on the disk."""

    def __init__(self, folder: Path, stop_at: int) -> None:
        """Whatever is in the folder is durable.

        Args:
            folder: the only one that is used.
            stop_at: number of the call, from 1, at which the process ends.
        """
        super().__init__(REAL_DISK)
        self.revive(stop_at)
        self._names = {path.name: _File(path.read_bytes()) for path in _files(folder)}
        self._durable_names = dict(self._names)
        self._renamings: list[_Renaming] = []
        self._open: dict[int, _File] = {}

    def revive(self, stop_at: int) -> None:
        """Another process uses the disk; the power was on all the time."""
        self._stop_at = stop_at
        self._call_count = 0

    @property
    def is_stopped(self) -> bool:
        return self._call_count >= self._stop_at

    def around(self, name: str, subject: Path | int, call: Callable[[], Made]) -> Made:
        if name == "close":  # so that no descriptor is left over here
            return call()
        self._call_count += 1
        if self.is_stopped:
            raise Stopped
        return call()

    def create(self, path: Path) -> int:
        return self._created(path, super().create(path))

    def create_or_empty(self, path: Path) -> int:
        fd = super().create_or_empty(path)
        if path.name in self._names:
            self._names[path.name].now.clear()
            self._open[fd] = self._names[path.name]
            return fd
        return self._created(path, fd)

    def _created(self, path: Path, fd: int) -> int:
        self._open[fd] = self._names[path.name] = _File()
        self._renamings.append(_Renaming(None, path.name, self._open[fd]))
        return fd

    def open(self, path: Path) -> int:
        fd = super().open(path)
        self._open[fd] = self._names[path.name]
        return fd

    def write(self, fd: int, data: bytes | bytearray | memoryview) -> int:
        if self._call_count + 1 >= self._stop_at:  # half of the last write is done
            data = memoryview(data)[: len(data) // 2]
            self._inner.write(fd, data)
            self._open[fd].now += data
        written = super().write(fd, data)
        self._open[fd].now += data[:written]
        return written

    def fdatasync(self, fd: int) -> None:
        super().fdatasync(fd)
        self._open[fd].durable = bytes(self._open[fd].now)

    def fsync(self, fd: int) -> None:
        super().fsync(fd)
        self._open[fd].durable = bytes(self._open[fd].now)

    def truncate(self, fd: int, size_bytes: int) -> None:
        super().truncate(fd, size_bytes)
        del self._open[fd].now[size_bytes:]

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        file = self._names[target.name] = self._names.pop(source.name)
        self._renamings.append(_Renaming(source.name, target.name, file))

    def unlink(self, path: Path) -> None:
        super().unlink(path)
        del self._names[path.name]
        self._renamings.append(_Renaming(path.name, None, None))

    def sync_folder(self, folder: Path) -> None:
        super().sync_folder(folder)
        self._durable_names = dict(self._names)
        self._renamings.clear()

    def fail_power(self, draws: random.Random, target: Path) -> None:
        """Write what may be on the disk now to a new folder."""
        names = dict(self._durable_names)
        keep_share = draws.choice((0.0, 0.5, 0.9, 1.0))
        for old_name, new_name, file in self._renamings:
            if draws.random() < keep_share:
                if old_name is not None:
                    names.pop(old_name, None)
                if new_name is not None and file is not None:
                    names[new_name] = file
        target.mkdir()
        for name, file in names.items():
            (target / name).write_bytes(_after_power_failure(draws, file, keep_share))


def _after_power_failure(draws: random.Random, file: _File, keep_share: float) -> bytes:
    """Sectors that were synced, and of the others some."""
    old, new = file.durable, bytes(file.now)
    if old == new:
        return old
    sizes = [len(old), len(new)]
    sizes += range(-(-len(old) // SECTOR_BYTES) * SECTOR_BYTES, len(new), SECTOR_BYTES)
    size_bytes = len(new) if draws.random() < keep_share else draws.choice(sizes)
    data = bytearray()
    for start in range(0, size_bytes, SECTOR_BYTES):
        end = min(start + SECTOR_BYTES, size_bytes)
        sector = (new if draws.random() < keep_share else old)[start:end]
        missing_bytes = end - start - len(sector)
        is_garbage = missing_bytes and draws.random() < 0.3
        data += sector + (draws.randbytes(missing_bytes) if is_garbage else bytes(missing_bytes))
    return bytes(data)


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*")) if path.is_file()]
