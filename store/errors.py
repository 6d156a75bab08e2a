"""The errors of the store. Must not print, exit or look at files.

DamageError
└── LogDamage             a log is not what was written
EnvironmentProblem
├── LogLocked             another process writes this log
├── FolderRefused         the system refuses to create, read or write in a folder
└── WriteFailed           the disk refused; the writer is of no more use
InputError
├── LogClosed             a closed log takes no more events
├── UnknownFormat         the log is of a version that this program does not know
│   └── UnknownSchema     its bodies are
├── FolderUnusable        a folder that a person named cannot be what it is named for
├── PathNotUnicode        the bytes of a path are no UTF-8
├── RunNameInvalid        a run may not be called that
├── RunExists             there is a run of that name already
├── RunNotFound           there is no such run
└── NotARun               a folder that holds no log
    └── NothingRecorded   nor does this one, but a run was begun in it
ProtocolError
├── CommitRefused         the caller of the writer broke its rules
└── EventUnknown          a type or a body that this program does not know
"""

import errno
from collections.abc import Sequence
from pathlib import Path

from bus.errors import DamageError, EnvironmentProblem, InputError, ProtocolError

NAMES_LISTED_MAX = 10
"""So many names of existing runs are listed in a message."""
# The path that was given leads nowhere, or to something that is no folder; with all else the system refuses.
_WRONG_PATH = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG})


class LogDamage(DamageError):
    """A log fails its checks.

    Args:
        segment: the file, or ``manifest.json``.
        line: from 1, or None if the problem is not in a line.
        seq: which event it is or should be, or None.
        problem: what is wrong there.
        remedy: what to do next, if it is not to restore a copy.
    """

    def __init__(
        self, segment: Path, line: int | None, seq: int | None, problem: str, remedy: str = ""
    ) -> None:
        self.segment = segment
        self.line = line
        self.seq = seq
        self.problem = problem
        self.where = (segment, line, seq, problem)
        place = str(segment)
        if line is not None:
            place += f" line {line}"
        if seq is not None:
            place += f" (seq {seq})"
        restore = f"run `trinity verify {run_of(segment)}` for all that is wrong, restore from a copy"
        super().__init__(f"{place}: {problem}; {remedy or restore}")


class LogLocked(EnvironmentProblem):
    """Another process holds the lock of a log; ``pid`` is None if it has not written its pid yet."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        self.folder = folder
        self.pid = pid
        holder = "another process" if pid is None else f"process {pid}"
        super().__init__(f"{folder}: {holder} is writing this log; wait for it or stop it")


class WriteFailed(EnvironmentProblem):
    """A write or a sync failed, now or earlier: nothing more is written, nothing is tried again."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(
            f"{path}: {reason}; the writer has stopped: free or repair the disk, "
            f"then `trinity resume {run_of(path)}` goes on"
        )


class LogClosed(InputError):
    """The log was closed; its digest stands."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder}: the log is closed and takes no more events; write to a new run")


class UnknownFormat(InputError):
    """A format version that this program does not know."""

    def __init__(self, manifest: Path, version: int, known: int) -> None:
        super().__init__(
            f"{manifest}: format_version {version} is not {known}; read it with the Trinity that wrote it"
        )


class UnknownSchema(UnknownFormat):
    """The bodies of a log are of a version that this program does not know."""

    def __init__(self, segment: Path, version: int, known: int) -> None:
        InputError.__init__(
            self,
            f"{segment} line 1 (seq 1): schema_version {version} is newer than {known}; "
            "read the log with the Trinity that wrote it, or a newer one",
        )


class FolderRefused(EnvironmentProblem):
    """The system refused to create, list, read or write: permissions, a read-only or a full disk."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}; free space, change its permissions or choose another folder")


class FolderUnusable(InputError):
    """A folder that does not exist, is none, or holds what it should not."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}; choose another folder")


def folder_error(path: Path, doing: str, error: OSError) -> FolderUnusable | FolderRefused:
    """What to raise for an error of the system: whether the path is wrong, or the system refuses."""
    kind = FolderUnusable if error.errno in _WRONG_PATH else FolderRefused
    return kind(path, f"{doing}: {error.strerror}")


def run_of(path: Path) -> Path:
    """The folder of the run, from that of one of its logs or from a file in it."""
    return path.parent.parent if path.suffix else path.parent


class PathNotUnicode(InputError):
    """A path that cannot be written as text; DuckDB opens no file there."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{str(path)!a}: the path has bytes that are not UTF-8; choose another folder")


class RunNameInvalid(InputError):
    """The last part of a run's path is not a name that a run may have."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name[:80]!r} cannot be the name of a run; use 1 to 64 of the characters A-Z a-z 0-9 . _ - "
            "and no dot or dash in front"
        )


class RunExists(InputError):
    """Runs are never overwritten."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} exists already; choose another name or remove it")


class RunNotFound(InputError):
    """No run of that name or path; lists the names that there are."""

    def __init__(self, asked: str, runs_dir: Path, names: Sequence[str]) -> None:
        listed = ", ".join(names[:NAMES_LISTED_MAX])
        if len(names) > NAMES_LISTED_MAX:
            listed += f" and {len(names) - NAMES_LISTED_MAX} more"
        there = f"there are: {listed}" if names else "there are none yet, start one with `trinity run`"
        super().__init__(f"no run {asked[:256]!r} under {runs_dir}; {there}")


class NotARun(InputError):
    """The path exists, but no run was ever begun in it."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"{path} is not a run: {reason}; give the name or the folder of a run")


class NothingRecorded(NotARun):
    """A run that ended before anything was on its log."""

    def __init__(self, path: Path) -> None:
        self.path = path
        InputError.__init__(self, f"{path}: nothing is recorded yet; `trinity resume {path}` begins it")


class CommitRefused(ProtocolError):
    """A commit that must not be on the log; nothing of it was taken."""

    def __init__(self, folder: Path, first_seq: int, reason: str) -> None:
        super().__init__(f"{folder}: commit at seq {first_seq} refused: {reason}")


class EventUnknown(ProtocolError):
    """An event whose line is sound, but whose type or body this program does not know."""

    def __init__(self, seq: int, problem: str) -> None:
        self.seq = seq
        super().__init__(f"seq {seq}: {problem}; read the log with the Trinity that wrote it")
