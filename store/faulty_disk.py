"""A disk that breaks when it is told to, for scenarios with store faults. Must not decide when, nor draw.

Every fault ends in an OSError, as on a disk that notices: what a disk does without a word is found by the
checks of the reader. After a fault the writer of the log has stopped, and the log must be recovered; after a
flipped bit only with ``cut_damage``.
"""

import errno
import os

from store.disk import REAL_DISK, Disk, PassingDisk


class FaultyDisk(PassingDisk):
    """Works like ``inner`` until a fault is asked for. Faults of one write are forgotten once they fired."""

    def __init__(self, inner: Disk = REAL_DISK) -> None:
        super().__init__(inner)
        self.fired_count = 0
        """Writes that failed because of what was asked for."""
        self._keep_share: float | None = None
        self._bit_offset: int | None = None
        self._is_full = False
        self._is_filling = False

    def tear_next_write(self, keep_share: float) -> None:
        """Of the next write only the first part lands, then EIO.

        Args:
            keep_share: 0 nothing lands, 1 all of it; rounded down to whole bytes.
        """
        if not 0 <= keep_share <= 1:
            raise ValueError(f"keep_share {keep_share} is not from 0 to 1")
        self._keep_share = keep_share

    def flip_next_write(self, bit_offset: int) -> None:
        """The next write lands with one bit changed, then EIO.

        Args:
            bit_offset: from the first bit of the write on; begins again at 0 behind its last bit.
        """
        if bit_offset < 0:
            raise ValueError(f"bit_offset {bit_offset} is negative")
        self._bit_offset = bit_offset

    def fill(self) -> None:
        """From now on the disk is full: one write is taken half, then all raise ENOSPC."""
        self._is_full = self._is_filling = True

    def free(self) -> None:
        """There is room again."""
        self._is_full = False

    def write(self, fd: int, data: bytes | bytearray | memoryview) -> int:
        if self._is_full:
            if not self._is_filling or len(data) < 2:
                raise self._error(errno.ENOSPC)
            self._is_filling = False
            return super().write(fd, memoryview(data)[: len(data) // 2])
        if self._keep_share is not None:
            kept_bytes = int(len(data) * self._keep_share)
            self._keep_share = None
            self._write_all(fd, bytes(data[:kept_bytes]))
            raise self._error(errno.EIO)
        if self._bit_offset is not None and len(data):
            byte_index, bit = divmod(self._bit_offset % (8 * len(data)), 8)
            self._bit_offset = None
            spoilt = bytearray(data)
            spoilt[byte_index] ^= 1 << bit
            self._write_all(fd, bytes(spoilt))
            raise self._error(errno.EIO)
        return super().write(fd, data)

    def _write_all(self, fd: int, data: bytes) -> None:
        while data:
            data = data[super().write(fd, data) :]

    def _error(self, code: int) -> OSError:
        self.fired_count += 1
        return OSError(code, os.strerror(code))
