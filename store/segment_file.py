"""The segment that is being appended to, its length and its SHA-256. Must not know lines or commits."""

import hashlib
from pathlib import Path
from typing import Protocol

from store.disk import Disk, write_all
from store.manifest import Segment, segment_name


class Hash(Protocol):
    """What hashlib's objects can do."""

    def update(self, data: bytes | bytearray, /) -> None: ...
    def hexdigest(self) -> str: ...
    def copy(self) -> "Hash": ...


class SegmentFile:
    """Open for appending from construction until :meth:`close`. Methods pass on the OSError of the system."""

    def __init__(
        self, disk: Disk, path: Path, first_seq: int, previous_crc: int, size_bytes: int, sha256: Hash
    ) -> None:
        """Open a segment that exists and has these bytes."""
        self.path = path
        self.first_seq = first_seq
        self.size_bytes = size_bytes
        self.sha256 = sha256
        self._previous_crc = previous_crc
        self._disk = disk
        self._fd = disk.open(path)

    @classmethod
    def begin(cls, disk: Disk, folder: Path, first_seq: int, previous_crc: int) -> "SegmentFile":
        """Create an empty segment, which must not exist, and make its name durable."""
        path = folder / segment_name(first_seq)
        disk.close(disk.create(path))
        disk.sync_folder(folder)
        return cls(disk, path, first_seq, previous_crc, 0, hashlib.sha256())

    def write(self, data: bytes | bytearray) -> None:
        """Append all of it."""
        write_all(self._disk, self._fd, data)
        self.sha256.update(data)
        self.size_bytes += len(data)

    def sync(self) -> None:
        """Make all bytes durable (fdatasync)."""
        self._disk.fdatasync(self._fd)

    def seal(self, last_seq: int, last_crc: int) -> Segment:
        """What the manifest says about it from now on."""
        return Segment(
            self.path.name,
            self.first_seq,
            last_seq,
            self.size_bytes,
            self.sha256.hexdigest(),
            self._previous_crc,
            last_crc,
        )

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            self._disk.close(fd)
