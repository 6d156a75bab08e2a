"""The only writer of a log: lines, segments, manifest. Must not decide what is written or own a clock.

A commit is on the log whole or not at all, and never in two segments. After a write or a sync that failed
nothing can be said about the disk, so the writer stops for good: what was written is found out by reading it
back (``store.recovery``).
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self
from zlib import crc32

from bus.codec import LINE_BYTES_MAX
from store.chain import COMMIT_EVENTS_MAX
from store.disk import REAL_DISK, Disk
from store.errors import CommitRefused, FolderUnusable, LogClosed, WriteFailed, folder_error
from store.layout import read_layout
from store.lock import LOCK_NAME, WriterLock
from store.manifest import Digest, Manifest, Segment, closed_manifest, open_manifest, write_manifest
from store.recovery import recover_locked
from store.segment_file import Hash, SegmentFile

SyncPolicy = Literal["always", "interval", "off"]
"""When the bytes of segments are made durable: at each flush, at a flush when it is time again, or never.

``off`` loses nothing when the process dies, only when the machine does.
"""

SEGMENT_BYTES_MAX = 64 << 20
"""A segment is longer only if it holds a single commit that is."""
BUFFER_BYTES = 1 << 20
"""So much is gathered before it is written, unless a flush is asked for."""
SYNC_INTERVAL_NS = 100_000_000


class _Options(NamedTuple):
    sync: SyncPolicy
    segment_bytes_max: int
    sync_interval_ns: int
    clock: Callable[[], int]
    disk: Disk


def _no_clock() -> int:
    raise AssertionError("the policy interval needs a clock")


class LogWriter:
    """Made by :meth:`create` or :meth:`resume`, used by one thread.

    As a context manager it closes the log at the end, and after an exception leaves it valid and not closed.
    A signal handler must not raise while a method runs: an interrupted write counts as a failed one.
    """

    def __init__(self, folder: Path, lock: WriterLock, options: _Options, file: SegmentFile) -> None:
        self._folder = folder
        self._lock = lock
        self._options = options
        self._file = file
        self._segments: tuple[Segment, ...] = ()
        self._log_sha256: Hash | None = None  # None in the first segment, whose SHA-256 is that of the log
        self._buffer = bytearray()
        self._room_bytes = options.segment_bytes_max - file.size_bytes
        self._crc = 0
        self._next_seq = 1
        self._synced_ns = 0
        self._synced_bytes = file.size_bytes
        self._stopped = False  # closed, left or failed
        self._failure: str | None = None
        self._digest: Digest | None = None

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        sync: SyncPolicy = "off",
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
        sync_interval_ns: int = SYNC_INTERVAL_NS,
        clock: Callable[[], int] = _no_clock,
        disk: Disk = REAL_DISK,
    ) -> Self:
        """Begin a log in a folder that is absent or empty.

        Args:
            folder: its parent must exist.
            sync: see :data:`SyncPolicy`.
            segment_bytes_max: a segment is sealed before it grows beyond this.
            sync_interval_ns: for the policy ``interval``: the least time between two syncs.
            clock: for the policy ``interval``: nanoseconds that never go back.
            disk: where the files are.

        Raises:
            LogLocked: somebody is writing a log there.
            FolderUnusable: the folder holds something, or its path leads nowhere.
            FolderRefused: the system refuses.
        """
        try:
            disk.make_folder(folder)
            if any(entry.name != LOCK_NAME for entry in folder.iterdir()):
                raise FolderUnusable(folder, "cannot begin a log in a folder that is not empty")
            lock = WriterLock(folder)
        except OSError as error:
            raise folder_error(folder, "cannot begin a log", error) from None
        with ExitStack() as undo:
            undo.callback(lock.release)
            try:
                file = SegmentFile.begin(disk, folder, 1, 0)
                undo.callback(file.close)
                write_manifest(folder, open_manifest(()), disk)
            except OSError as error:
                raise folder_error(folder, "cannot begin a log", error) from None
            undo.pop_all()
        return cls(folder, lock, _Options(sync, segment_bytes_max, sync_interval_ns, clock, disk), file)

    @classmethod
    def resume(
        cls,
        folder: Path,
        *,
        sync: SyncPolicy = "off",
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
        sync_interval_ns: int = SYNC_INTERVAL_NS,
        clock: Callable[[], int] = _no_clock,
        disk: Disk = REAL_DISK,
    ) -> Self:
        """Recover a log and go on behind its last whole commit; arguments as for :meth:`create`.

        Raises:
            LogLocked: somebody is writing it.
            LogClosed: it is complete.
            LogDamage: it has more wrong with it than a torn tail.
            WriteFailed: the disk refused.
        """
        read_layout(folder)  # so that no lock file appears in a folder that holds no log
        lock = WriterLock(folder)
        with ExitStack() as undo:
            undo.callback(lock.release)
            at = recover_locked(folder, disk)
            if at.active is None:
                raise LogClosed(folder)
            first_seq, previous_crc = at.manifest.last_seq + 1, at.manifest.last_crc
            try:
                file = SegmentFile(
                    disk, at.active, first_seq, previous_crc, at.active_bytes, at.active_sha256
                )
            except OSError as error:
                raise WriteFailed(folder, f"cannot go on with the log: {error.strerror}") from None
            undo.pop_all()
        writer = cls(folder, lock, _Options(sync, segment_bytes_max, sync_interval_ns, clock, disk), file)
        writer._segments = at.manifest.segments
        writer._log_sha256 = at.log_sha256 if at.manifest.segments else None
        writer._crc = at.recovered.crc
        writer._next_seq = at.recovered.last_seq + 1
        return writer

    @property
    def last_seq(self) -> int:
        """Of the last event that was appended; 0 if none was."""
        return self._next_seq - 1

    @property
    def crc(self) -> int:
        """What the next line will be chained on."""
        return self._crc

    def append(self, first_seq: int, events_json: Sequence[bytes]) -> None:
        """Take one whole commit: what ``bus.codec.encode_event`` made. Written later, see :meth:`flush`.

        Raises:
            CommitRefused: ``first_seq`` does not follow, or the commit is empty or a line of it too long.
            LogClosed: the log is closed.
            WriteFailed: a write failed, now or earlier.
        """
        if first_seq != self._next_seq or self._stopped:
            raise self._refusal(first_seq)
        crc = self._crc
        lines: list[bytes] = []
        for event_json in events_json:
            crc = crc32(event_json, crc)
            # As bus.codec.seal_line does it; a call for each event would cost a tenth of the writer's speed.
            lines.append(b'%b,"crc":%d}\n' % (event_json[:-1], crc))
        commit = b"".join(lines)
        size_bytes = len(commit)
        if size_bytes > LINE_BYTES_MAX or not lines:
            self._check_size(first_seq, lines)
        if size_bytes > self._room_bytes < self._options.segment_bytes_max:
            self._begin_segment()
        next_seq = first_seq + len(lines)
        # No call stands between these four, so no signal handler can run when only some of them are done.
        self._buffer += commit
        self._room_bytes -= size_bytes
        self._crc = crc
        self._next_seq = next_seq
        if len(self._buffer) >= BUFFER_BYTES:
            self._write_buffer()

    def flush(self) -> None:
        """Hand all commits to the system, and make them durable if the policy says so now.

        Raises:
            LogClosed, WriteFailed: as for :meth:`append`.
        """
        self._check_usable()
        self._write_buffer()
        if self._options.sync == "always":
            self._sync()
        elif self._options.sync == "interval":
            now_ns = self._options.clock()
            if now_ns - self._synced_ns >= self._options.sync_interval_ns:
                self._sync()
                self._synced_ns = now_ns

    def close(self) -> Digest:
        """Write all, seal the last segment, finish the manifest. A second call returns the same digest.

        Raises:
            WriteFailed: a write failed, now or earlier; the log is not closed.
        """
        if self._digest is not None:
            return self._digest
        try:
            self._check_usable()
            self._write_buffer()
            if self._options.sync != "off":
                self._sync()
            segments = (*self._segments, self._file.seal(self.last_seq, self._crc))
            digest = Digest((self._log_sha256 or self._file.sha256).hexdigest())
            self._write_manifest(closed_manifest(segments, digest))
            self._digest = digest
        finally:
            self._release()
        return digest

    def leave(self) -> None:
        """Write all whole commits and let go of the log without closing it; it can be resumed."""
        try:
            if not self._stopped:
                self._write_buffer()
        finally:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.leave()

    def _begin_segment(self) -> None:
        """Seal the active segment and begin the next, which the manifest names before anything is in it."""
        self._write_buffer()
        if self._options.sync != "off":
            self._sync()
        try:
            self._stopped = True
            if self._log_sha256 is None:
                self._log_sha256 = self._file.sha256.copy()
            self._segments = (*self._segments, self._file.seal(self.last_seq, self._crc))
            file = SegmentFile.begin(self._options.disk, self._folder, self._next_seq, self._crc)
            self._file.close()
            self._file = file
            self._synced_bytes = 0
            self._room_bytes = self._options.segment_bytes_max
            self._stopped = False
        except OSError as error:
            raise self._failed(error) from None
        self._write_manifest(open_manifest(self._segments))

    def _write_buffer(self) -> None:
        if not self._buffer:
            return
        self._stopped = True  # and so it stays if anything below raises
        try:
            self._file.write(self._buffer)
        except OSError as error:
            raise self._failed(error) from None
        if self._log_sha256 is not None:
            self._log_sha256.update(self._buffer)
        self._buffer = bytearray()
        self._stopped = False

    def _sync(self) -> None:
        if self._synced_bytes == self._file.size_bytes:
            return
        self._stopped = True
        try:
            self._file.sync()
            self._synced_bytes = self._file.size_bytes
        except OSError as error:
            raise self._failed(error) from None
        self._stopped = False

    def _write_manifest(self, manifest: Manifest) -> None:
        self._stopped = True
        try:
            write_manifest(self._folder, manifest, self._options.disk)
        except OSError as error:
            raise self._failed(error) from None
        self._stopped = False

    def _failed(self, error: OSError) -> WriteFailed:
        self._failure = error.strerror or str(error)
        return WriteFailed(self._file.path, self._failure)

    def _release(self) -> None:
        self._stopped = True
        try:
            self._file.close()
        except OSError as error:
            raise self._failed(error) from None
        finally:
            self._lock.release()

    def _check_usable(self) -> None:
        if self._digest is not None:
            raise LogClosed(self._folder)
        if self._stopped:
            raise WriteFailed(
                self._file.path, self._failure or "the writer was interrupted or has left the log"
            )

    def _refusal(self, first_seq: int) -> Exception:
        self._check_usable()
        return CommitRefused(self._folder, first_seq, f"the next seq is {self._next_seq}")

    def _check_size(self, first_seq: int, lines: Sequence[bytes]) -> None:
        if not 1 <= len(lines) <= COMMIT_EVENTS_MAX:
            raise CommitRefused(
                self._folder, first_seq, f"{len(lines)} events, must be 1 to {COMMIT_EVENTS_MAX}"
            )
        longest_bytes = max(map(len, lines))
        if longest_bytes > LINE_BYTES_MAX:
            reason = f"a line of {longest_bytes} bytes, must be at most {LINE_BYTES_MAX}"
            raise CommitRefused(self._folder, first_seq, reason)
