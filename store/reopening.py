"""Makes a closed log open again, so that an interrupted run can go on. Must not open any other run's log.

All is read and checked before anything is changed. The manifest is replaced before the segment is cut: at no
moment does it promise bytes that are gone. A crash between the two leaves an open log that still ends with
``run.finished``; :func:`reopen` called again finishes the work.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from bus.bodies import RunFinished
from bus.codec import Envelope
from store.chain import Batch, Chain
from store.disk import REAL_DISK, Disk
from store.errors import LogClosed, WriteFailed
from store.layout import read_layout
from store.lock import WriterLock
from store.log_reader import open_envelope, read_active, read_sealed
from store.manifest import Manifest, Segment, open_manifest, write_manifest
from store.recovery import Position, Recovered, keep_tail, recover_locked, shorten


class _LastCommit(NamedTuple):
    offset_bytes: int
    """Where it begins in its segment."""
    envelopes: list[Envelope]
    previous_seq: int
    previous_crc: int


class _Opened(NamedTuple):
    """What unsealing makes of a closed manifest."""

    manifest: Manifest
    last: Segment
    """Sealed no longer."""
    empty: Segment | None
    """Behind it, of no use any more."""


def reopen(folder: Path, *, disk: Disk = REAL_DISK) -> Recovered:
    """Take back that a run was interrupted: cut the commit that says so, and unseal the last segment.

    A log that is not closed is recovered, and loses such a commit too if it ends with one. The bytes that are
    cut are kept as by :func:`store.recovery.recover`.

    Raises:
        LogClosed: the log is closed and its last commit is not a single ``run.finished`` that says
            ``interrupted``.
        LogLocked, LogDamage, WriteFailed: as for :func:`store.recovery.recover`.
    """
    return _with_lock(folder, disk, _reopen_locked)


def unseal(folder: Path, *, disk: Disk = REAL_DISK) -> Recovered:
    """Make a closed log open again with all that it holds; one that is open is only recovered.

    For logs whose end says nothing, such as ``observations/``. Raises what :func:`reopen` raises, but not
    LogClosed.
    """
    return _with_lock(folder, disk, _unseal_locked)


def _with_lock(folder: Path, disk: Disk, change: Callable[[Path, Disk, Position], Recovered]) -> Recovered:
    read_layout(folder)  # so that no lock file appears in a folder that holds no log
    lock = WriterLock(folder)
    try:
        return change(folder, disk, recover_locked(folder, disk))
    except OSError as error:
        raise WriteFailed(folder, f"cannot open the log again: {error.strerror}") from None
    finally:
        lock.release()


def _unseal_locked(folder: Path, disk: Disk, at: Position) -> Recovered:
    if at.recovered.closed:
        _unseal(folder, disk, _opened(at.manifest))
    return at.recovered._replace(closed=False)


def _reopen_locked(folder: Path, disk: Disk, at: Position) -> Recovered:
    if at.active is None:
        opened = _opened(at.manifest)
        segment, size_bytes = folder / opened.last.name, opened.last.size_bytes
        before = Chain(segment, opened.manifest.last_seq, opened.manifest.last_crc)
        commit = _last_commit(read_sealed(folder, opened.last), before)
    else:
        opened = None
        segment, size_bytes = at.active, at.active_bytes
        before = Chain(segment, at.manifest.last_seq, at.manifest.last_crc)
        commit = _last_commit(read_active(Chain(segment, before.seq, before.crc)), before)
    if not _is_interruption(commit.envelopes):
        if opened is not None:
            raise LogClosed(folder)
        return at.recovered
    torn = keep_tail(disk, segment, commit.offset_bytes)
    if opened is not None:
        _unseal(folder, disk, opened)
    shorten(disk, segment, commit.offset_bytes)
    cut_bytes = size_bytes - commit.offset_bytes
    return Recovered(commit.previous_seq, commit.previous_crc, cut_bytes, torn, False, 1)


def _opened(manifest: Manifest) -> _Opened:
    """The last segment that holds something becomes the active one."""
    *sealed, last = manifest.segments
    if last.size_bytes or not sealed:
        return _Opened(open_manifest(tuple(sealed)), last, None)
    return _Opened(open_manifest(tuple(sealed[:-1])), sealed[-1], last)


def _unseal(folder: Path, disk: Disk, opened: _Opened) -> None:
    write_manifest(folder, opened.manifest, disk)
    if opened.empty is not None:
        # A crash before this leaves an empty segment that the manifest does not list: no damage.
        disk.unlink(folder / opened.empty.name)
        disk.sync_folder(folder)


def _last_commit(batches: Iterable[Batch], before: Chain) -> _LastCommit:
    """The last commit of a segment, or one of no events if there is none."""
    offset_bytes = 0
    last = _LastCommit(0, [], before.seq, before.crc)
    for batch in batches:
        for line, envelope in zip(batch.lines, batch.envelopes, strict=True):
            if not last.envelopes or last.envelopes[-1].commit_seq != envelope.commit_seq:
                previous = last.envelopes[-1] if last.envelopes else before
                last = _LastCommit(offset_bytes, [], previous.seq, previous.crc)
            last.envelopes.append(envelope)
            offset_bytes += len(line)
    return last


def _is_interruption(commit: list[Envelope]) -> bool:
    if len(commit) != 1 or commit[0].type != RunFinished.TYPE:
        return False
    body = open_envelope(commit[0]).data
    return isinstance(body, RunFinished) and body.status == "interrupted"
