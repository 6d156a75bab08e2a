"""Disks that misbehave at a chosen call, and the small logs that the cases of the store mistreat.

Must not judge: what must hold is said by the cases.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from bus.bodies import Body, RunFinished
from bus.codec import encode_event, seal_line
from bus.events import Event
from store.disk import REAL_DISK, Disk, PassingDisk
from store.log_reader import read_lines
from store.log_writer import LogWriter
from tests.store.builders import commit_of, small_commits

Made = TypeVar("Made")

SEGMENT_BYTES = 1_000
"""Small enough for a handful of commits to fill several segments."""
CHANGES = ("make_folder", "create", "create_or_empty", "write", "truncate", "rename", "unlink")
"""Calls that can fail for want of room."""
Moment = Literal["before", "half", "after"]
MOMENTS: tuple[Moment, ...] = ("before", "half", "after")
"""When to kill; of calls that do not write, ``half`` means before."""
SYNCS = ("fdatasync", "fsync", "sync_folder")


class Call(NamedTuple):
    name: str
    path: Path
    """The file, also where a descriptor was used."""


class TracingDisk(PassingDisk):
    """Lists the calls."""

    def __init__(self, inner: Disk = REAL_DISK) -> None:
        super().__init__(inner)
        self.calls: list[Call] = []
        self._paths: dict[int, Path] = {}

    def around(self, name: str, subject: Path | int, call: Callable[[], Made]) -> Made:
        path = self._paths[subject] if isinstance(subject, int) else subject
        self.calls.append(Call(name, path))
        made = call()
        if isinstance(made, int) and name in ("create", "create_or_empty", "open"):
            self._paths[made] = path
        return made


class NthDisk(PassingDisk):
    """Counts calls from 1 and does something at one of them. A base."""

    def __init__(self, at: int, inner: Disk = REAL_DISK) -> None:
        super().__init__(inner)
        self.at = at
        self.call_count = 0

    def counts(self, name: str) -> bool:
        """Whether a call of this name is counted."""
        return True

    def is_due(self, name: str) -> bool:
        if not self.counts(name):
            return False
        self.call_count += 1
        return self.call_count == self.at


class KillingDisk(NthDisk):
    """Kills the process with SIGKILL before or after call N, or when half of a write is done."""

    def __init__(self, at: int, moment: Moment) -> None:
        super().__init__(at)
        self._moment = moment

    def around(self, name: str, subject: Path | int, call: Callable[[], Made]) -> Made:
        is_due = self.is_due(name)
        if is_due and self._moment != "after":
            os.kill(os.getpid(), signal.SIGKILL)
        made = call()
        if is_due:
            os.kill(os.getpid(), signal.SIGKILL)
        return made

    def write(self, fd: int, data: bytes | bytearray | memoryview) -> int:
        if self._moment == "half" and self.call_count + 1 == self.at:
            self._inner.write(fd, memoryview(data)[: len(data) // 2])
        return super().write(fd, data)


class FailingDisk(NthDisk):
    """Raises at call N of some kind, once or until :meth:`heal`; of a write half may land before."""

    def __init__(
        self, at: int, code: int, kind: Sequence[str], *, is_sticky: bool, lands_half: bool = False
    ) -> None:
        super().__init__(at)
        self._code = code
        self._kind = kind
        self._is_sticky = is_sticky
        self._lands_half = lands_half
        self._healed = False
        self.error_count = 0

    def counts(self, name: str) -> bool:
        return name in self._kind

    def heal(self) -> None:
        self._healed = True

    def _fails_now(self, name: str) -> bool:
        is_due = self.is_due(name)
        later = self._is_sticky and self.counts(name) and self.call_count > self.at
        return not self._healed and (is_due or later)

    def around(self, name: str, subject: Path | int, call: Callable[[], Made]) -> Made:
        if self._fails_now(name):
            self.error_count += 1
            raise OSError(self._code, os.strerror(self._code))
        return call()

    def write(self, fd: int, data: bytes | bytearray | memoryview) -> int:
        if self._lands_half and not self._healed and self.call_count + 1 == self.at:
            self._inner.write(fd, memoryview(data)[: len(data) // 2])
        return super().write(fd, data)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder in memory if the machine has one: these cases write a million small files."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="trinity-torture-", dir=memory if memory.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def encoded(commit: Sequence[Event]) -> list[bytes]:
    return [encode_event(event) for event in commit]


def commits_with_end(count: int, status: Literal["completed", "interrupted"]) -> list[list[Event]]:
    """Commits of one to three events, and the one that ends a run."""
    commits = small_commits(count)
    last: list[Body] = [RunFinished(status)]
    return [*commits, commit_of(commits[-1][-1].seq + 1, last)]


def write_on(writer: LogWriter, commits: Sequence[Sequence[Event]]) -> None:
    """Append those commits that the log does not hold yet."""
    for commit in commits:
        if commit[0].seq > writer.last_seq:
            writer.append(commit[0].seq, encoded(commit))


def whole_log(folder: Path, commits: Sequence[Sequence[Event]], *, close: bool) -> list[bytes]:
    """A log of several small segments; returns its lines."""
    writer = LogWriter.create(folder, segment_bytes_max=SEGMENT_BYTES)
    write_on(writer, commits)
    if close:
        writer.close()
    else:
        writer.leave()
    return list(read_lines(folder))


def sealed_lines(commits: Sequence[Sequence[Event]]) -> list[bytes]:
    """The lines of a log of these commits, made without the writer."""
    lines, crc = [], 0
    for commit in commits:
        for event_json in encoded(commit):
            line, crc = seal_line(event_json, crc)
            lines.append(line)
    return lines


def whole_seq(commits: Sequence[Sequence[Event]], line_count: int) -> int:
    """The last event of the last commit that is whole when so many lines of a log are."""
    return max((commit[-1].seq for commit in commits if commit[-1].seq <= line_count), default=0)
