"""Makes a log fit to go on after a crash by cutting it at the last whole commit. Must not guess or repair.

Everything is read back and checked, sealed segments and their SHA-256 included. What is cut is kept beside
the segment. Only what a crash leaves is cut (see docs/log-format.md); all else is refused with a LogDamage
and no byte is touched.
"""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from store.chain import Chain
from store.errors import LogDamage, WriteFailed
from store.layout import Layout, read_layout
from store.lock import WriterLock
from store.log_reader import read_active, read_sealed
from store.manifest import Manifest, Segment, read_manifest, sync_folder, write_manifest
from store.segment_file import Hash

TORN_FILES_MAX = 10_000
"""A segment is not cut more often than this."""
COPY_BYTES = 1 << 20


class Recovered(NamedTuple):
    """A log that ends with a whole commit."""

    last_seq: int
    crc: int
    """Of the last line; 0 if there is none."""
    cut_bytes: int
    torn: Path | None
    """The file that holds the bytes that were cut."""
    closed: bool


class Position(NamedTuple):
    """All that a writer needs to go on where a log ends."""

    recovered: Recovered
    manifest: Manifest
    active: Path | None
    active_bytes: int
    active_sha256: Hash
    log_sha256: Hash


def recover(folder: Path) -> Recovered:
    """Cut a torn tail, if there is one. Harmless on a log that has none, closed or not.

    Raises:
        LogLocked: somebody is still writing.
        LogDamage: the log is damaged; it is left as it is.
        WriteFailed: the disk refused the cut.
    """
    read_layout(folder)
    lock = WriterLock(folder)
    try:
        return recover_locked(folder).recovered
    finally:
        lock.release()


def recover_locked(folder: Path) -> Position:
    """:func:`recover` for somebody who holds the lock."""
    layout = read_layout(folder)
    log_sha256: Hash = hashlib.sha256()
    for segment in layout.manifest.segments:
        _hash_sealed(folder, segment, log_sha256)
    active_sha256: Hash = hashlib.sha256()
    if layout.active is None:
        recovered = Recovered(layout.manifest.last_seq, layout.manifest.last_crc, 0, None, closed=True)
        return Position(recovered, layout.manifest, None, 0, active_sha256, log_sha256)
    chain = Chain(layout.active, layout.manifest.last_seq, layout.manifest.last_crc)
    whole_bytes = 0
    for batch in read_active(chain):
        data = b"".join(batch.lines)
        active_sha256.update(data)
        log_sha256.update(data)
        whole_bytes += len(data)
    cut_bytes = layout.active.stat().st_size - whole_bytes
    try:
        torn = _cut(layout.active, whole_bytes) if cut_bytes else None
        _finish_beginnings(folder, layout)
    except OSError as error:
        raise WriteFailed(layout.active, f"cannot cut the torn tail: {error.strerror}") from None
    recovered = Recovered(chain.whole_seq, chain.whole_crc, cut_bytes, torn, closed=False)
    return Position(recovered, layout.manifest, layout.active, whole_bytes, active_sha256, log_sha256)


def _hash_sealed(folder: Path, segment: Segment, log_sha256: Hash) -> None:
    sha256 = hashlib.sha256()
    for batch in read_sealed(folder, segment):
        data = b"".join(batch.lines)
        sha256.update(data)
        log_sha256.update(data)
    if sha256.hexdigest() != segment.sha256:
        raise LogDamage(folder / segment.name, None, None, f"SHA-256 is not {segment.sha256}")


def _cut(active: Path, whole_bytes: int) -> Path:
    """Copy what is behind the last whole commit, and only when the copy is durable cut it off."""
    with active.open("r+b") as segment:
        for number in range(1, TORN_FILES_MAX + 1):
            torn = active.with_name(f"{active.stem}.{number}.torn")
            if not torn.exists():
                break
        else:
            raise OSError(0, f"there are {TORN_FILES_MAX} .torn files already")
        segment.seek(whole_bytes)
        with torn.open("xb") as copy:
            while block := segment.read(COPY_BYTES):
                copy.write(block)
            copy.flush()
            os.fsync(copy.fileno())
        sync_folder(active.parent)
        segment.truncate(whole_bytes)
        os.fsync(segment.fileno())
    return torn


def _finish_beginnings(folder: Path, layout: Layout) -> None:
    """Undo the beginning of a segment, and finish that of a log, which the crash interrupted."""
    if layout.stray is not None:
        layout.stray.unlink()
        sync_folder(folder)
    if read_manifest(folder) is None:
        write_manifest(folder, layout.manifest)
