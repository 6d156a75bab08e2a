"""Makes a log fit to go on after a crash by cutting it at the last whole commit. Must not guess or repair.

Everything is read back: sealed segments are compared with their SHA-256, and every line of the active one is
checked. What is cut is kept beside the segment. Unless it is asked for, only what a crash leaves is cut (see
docs/log-format.md); all else is refused with a LogDamage and no byte is touched.
"""

import contextlib
import hashlib
from pathlib import Path
from typing import NamedTuple

from bus.codec import LINE_BYTES_MAX, decode_envelope
from bus.errors import DamageError
from store.chain import Chain
from store.disk import REAL_DISK, Disk, write_all
from store.errors import LogDamage, WriteFailed, run_of
from store.layout import Layout, read_layout
from store.lock import WriterLock
from store.log_reader import read_active, read_sealed
from store.manifest import MANIFEST_NAME, Manifest, Segment, read_manifest, segment_name, write_manifest
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
    cut_event_count: int = 0
    """The lines that were cut and are events still; what is broken cannot be counted."""
    damage: LogDamage | None = None
    """What was found behind the last whole commit, if it was not what a crash leaves."""


class Position(NamedTuple):
    """All that a writer needs to go on where a log ends."""

    recovered: Recovered
    manifest: Manifest
    active: Path | None
    active_bytes: int
    active_sha256: Hash
    log_sha256: Hash


def recover(folder: Path, *, cut_damage: bool = False, disk: Disk = REAL_DISK) -> Recovered:
    """Cut a torn tail, if there is one. Harmless on a log that has none, closed or not.

    Args:
        folder: of the log.
        cut_damage: cut the active segment also at a line that is damaged, and all that stands behind it.
            Events are lost that way, whole commits perhaps among them; ask a person first.
        disk: where the files are.

    Raises:
        LogLocked: somebody is still writing.
        LogDamage: the log is damaged, with ``cut_damage`` elsewhere than in the lines of the active segment;
            it is left as it is.
        WriteFailed: the disk refused the cut.
    """
    read_layout(folder)  # so that no lock file appears in a folder that holds no log
    lock = WriterLock(folder)
    try:
        return recover_locked(folder, disk, cut_damage=cut_damage).recovered
    finally:
        lock.release()


def recover_locked(folder: Path, disk: Disk, *, cut_damage: bool = False) -> Position:
    """:func:`recover` for somebody who holds the lock."""
    layout = read_layout(folder)
    log_sha256: Hash = hashlib.sha256()
    try:
        for segment in layout.manifest.segments:
            log_sha256 = _check_sealed(folder, segment, log_sha256)
    except LogDamage as damage:
        raise _sealed(damage) from None
    if layout.active is None:
        return _closed(folder, layout.manifest, log_sha256)
    _settle(disk, layout.active)
    chain = Chain(layout.active, layout.manifest.last_seq, layout.manifest.last_crc)
    end = _read_to_end(chain, cut_damage=cut_damage)
    active_sha256, log_sha256 = _hash_next(layout.active, end.whole_bytes, log_sha256)
    cut_bytes = layout.active.stat().st_size - end.whole_bytes
    cut_event_count = _count_events(layout.active, end.whole_bytes) if cut_bytes else 0
    try:
        torn = cut_segment(disk, layout.active, end.whole_bytes) if cut_bytes else None
        _finish_beginnings(disk, folder, layout)
    except OSError as error:
        raise WriteFailed(layout.active, f"cannot cut the torn tail: {error.strerror}") from None
    recovered = Recovered(
        chain.whole_seq, chain.whole_crc, cut_bytes, torn, False, cut_event_count, end.damage
    )
    return Position(recovered, layout.manifest, layout.active, end.whole_bytes, active_sha256, log_sha256)


def keep_tail(disk: Disk, segment: Path, whole_bytes: int) -> Path:
    """Copy what a segment holds behind an offset to a new ``.torn`` file beside it, durably.

    Raises:
        OSError: the disk refused; there is no new file, if it can be helped.
    """
    torn = _new_torn(segment)
    with segment.open("rb") as source:
        source.seek(whole_bytes)
        fd = disk.create(torn)
        try:
            while block := source.read(COPY_BYTES):
                write_all(disk, fd, block)
            disk.fsync(fd)
        except OSError:
            with contextlib.suppress(OSError):
                disk.unlink(torn)
            raise
        finally:
            disk.close(fd)
    disk.sync_folder(segment.parent)
    return torn


def cut_segment(disk: Disk, segment: Path, whole_bytes: int) -> Path:
    """Keep what is behind an offset, and only when the copy is durable cut it off; returns the copy."""
    torn = keep_tail(disk, segment, whole_bytes)
    shorten(disk, segment, whole_bytes)
    return torn


def shorten(disk: Disk, segment: Path, size_bytes: int) -> None:
    fd = disk.open(segment)
    try:
        disk.truncate(fd, size_bytes)
        disk.fsync(fd)
    finally:
        disk.close(fd)


class _End(NamedTuple):
    whole_bytes: int
    damage: LogDamage | None


def _read_to_end(chain: Chain, *, cut_damage: bool) -> _End:
    """Check the active segment up to its last whole commit, or the last in front of damage."""
    whole_bytes = 0
    try:
        for batch in read_active(chain):
            whole_bytes += sum(map(len, batch.lines))
    except LogDamage as damage:
        if damage.line is None:  # a file that cannot be read is not to be cut
            raise
        if not cut_damage:
            raise _active(damage) from None
        return _End(_read_to_damage(chain, whole_bytes), damage)
    return _End(whole_bytes, None)


def _read_to_damage(chain: Chain, whole_bytes: int) -> int:
    """Go on line by line: the commits between the block that holds the damage and the damage itself."""
    chain.rewind()
    with chain.path.open("rb") as file, contextlib.suppress(LogDamage):
        file.seek(whole_bytes)
        while (line := file.readline(LINE_BYTES_MAX)).endswith(b"\n"):
            whole_bytes += sum(map(len, chain.check([line]).lines))
    chain.rewind()
    return whole_bytes


def _sealed(damage: LogDamage) -> LogDamage:
    return LogDamage(*damage.where, "a sealed segment is never cut: restore it from a copy")


def _active(damage: LogDamage) -> LogDamage:
    cut = f"`trinity recover {run_of(damage.segment)} --cut-damage` cuts here and loses what is behind it"
    return LogDamage(*damage.where, f"restore it from a copy, or {cut}")


class _Hashes(NamedTuple):
    segment: Hash
    log: Hash
    """Over the segments before and this one."""


def _hash_next(path: Path, size_bytes: int, log_sha256: Hash) -> _Hashes:
    """Hash the first bytes of the next segment."""
    is_first = path.name == segment_name(1)
    hashes = _Hashes(hashlib.sha256(), log_sha256)
    try:
        with path.open("rb") as file:
            while size_bytes and (block := file.read(min(COPY_BYTES, size_bytes))):
                size_bytes -= len(block)
                hashes.segment.update(block)
                if not is_first:
                    hashes.log.update(block)
    except OSError as error:
        raise LogDamage(path, None, None, f"cannot be read: {error.strerror}") from None
    return _Hashes(hashes.segment, hashes.segment.copy()) if is_first else hashes


def _check_sealed(folder: Path, segment: Segment, log_sha256: Hash) -> Hash:
    """Compare a sealed segment with its SHA-256; returns that of the log, which goes on with it.

    A segment whose SHA-256 is right is what was sealed, so its lines need not be looked at.
    """
    hashes = _hash_next(folder / segment.name, segment.size_bytes, log_sha256)
    if hashes.segment.hexdigest() != segment.sha256:
        for _ in read_sealed(folder, segment):
            """The first line that is wrong is told."""
        raise LogDamage(folder / segment.name, None, None, f"SHA-256 is not {segment.sha256}")
    return hashes.log


def _closed(folder: Path, manifest: Manifest, log_sha256: Hash) -> Position:
    if log_sha256.hexdigest() != manifest.digest:
        problem = f"digest {manifest.digest} should be {log_sha256.hexdigest()}"
        raise LogDamage(folder / MANIFEST_NAME, None, None, problem)
    recovered = Recovered(manifest.last_seq, manifest.last_crc, 0, None, closed=True)
    return Position(recovered, manifest, None, 0, hashlib.sha256(), log_sha256)


def _settle(disk: Disk, active: Path) -> None:
    """Make durable what a dead writer left in memory, and read it back from the disk and not from memory.

    After a sync that failed the system calls bytes clean that never reached the disk (see PostgreSQL's
    "fsyncgate", 2018): a log that goes on behind such bytes would promise what is not there.
    """
    try:
        fd = disk.open(active)
    except FileNotFoundError:
        return  # which the reader will report
    except OSError as error:
        raise WriteFailed(active, f"cannot be opened: {error.strerror}") from None
    try:
        disk.fdatasync(fd)
        disk.drop_cache(fd)
    except OSError as error:
        raise WriteFailed(active, error.strerror or str(error)) from None
    finally:
        disk.close(fd)


def _count_events(path: Path, offset_bytes: int) -> int:
    """The lines behind an offset that are events, whatever their place in the chain."""
    count = 0
    with path.open("rb") as file:
        file.seek(offset_bytes)
        while line := file.readline(LINE_BYTES_MAX):
            with contextlib.suppress(DamageError):
                decode_envelope(line)
                count += line.endswith(b"\n")
    return count


def _new_torn(segment: Path) -> Path:
    for number in range(1, TORN_FILES_MAX + 1):
        torn = segment.with_name(f"{segment.stem}.{number}.torn")
        if not torn.exists():
            return torn
    raise OSError(0, f"there are {TORN_FILES_MAX} .torn files already")


def _finish_beginnings(disk: Disk, folder: Path, layout: Layout) -> None:
    """Undo the beginning of a segment, and finish that of a log, which the crash interrupted."""
    if layout.stray is not None:
        disk.unlink(layout.stray)
        disk.sync_folder(folder)
    if read_manifest(folder) is None:
        write_manifest(folder, layout.manifest, disk)
