"""Gives events their place in the total order and commits them atomically.

Must not open sockets, files or clocks.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from bus.codec import encode_event
from bus.errors import ProtocolError
from bus.events import Draft, Event


class Log(Protocol):
    """Where commits go: the port that the sequencer needs of a store."""

    def append(self, first_seq: int, events_json: Sequence[bytes]) -> None:
        """Take one whole commit: events as JSON without ``crc``, the first numbered ``first_seq``."""


Check = Callable[[str, str, str | None], None]
"""Called with source, type and queue; see :class:`bus.permissions.Permissions`."""


def allow_all(source: str, type_name: str, queue: str | None) -> None:
    """For logs that no stranger can write to, and for tests."""


class Cause(NamedTuple):
    """The event whose handling produced a commit."""

    seq: int
    correlation_seq: int


class ListLog:
    """A log in memory, for tests and for looking at small runs."""

    def __init__(self) -> None:
        self.commits: list[list[bytes]] = []

    def append(self, first_seq: int, events_json: Sequence[bytes]) -> None:
        self.commits.append(list(events_json))


class Sequencer:
    """The one writer of a log.

    ``seq`` is dense from 1 and ``time_ns`` never decreases. A commit is one call of :meth:`commit`: its
    events reach the log together or not at all. ``check`` raises RefusedError for what a source may not
    publish; then nothing of the commit is on the log.
    """

    def __init__(
        self, log: Log, check: Check = allow_all, *, last_seq: int = 0, last_time_ns: int = 0
    ) -> None:
        self._log = log
        self._check = check
        self.last_seq = last_seq
        self.last_time_ns = last_time_ns

    def commit(
        self, time_ns: int, source: str, drafts: Sequence[Draft], cause: Cause | None = None
    ) -> list[Event]:
        """Number the drafts, append them as one commit and return the events.

        With a cause, every event is caused by it. Without one, the first event starts a chain and causes
        the others.

        Raises:
            ProtocolError: no drafts, or a time before that of the last commit.
            RefusedError: the source may not publish one of them.
        """
        if not drafts:
            raise ProtocolError(f"{source} commits nothing; a commit has at least one event")
        if time_ns < self.last_time_ns:
            raise ProtocolError(
                f"{source} commits at {time_ns} ns, before the last commit at {self.last_time_ns} ns"
            )
        seq = first_seq = self.last_seq + 1
        commit_seq = self.last_seq + len(drafts)
        causation_seq, correlation_seq = cause if cause is not None else (None, first_seq)
        events: list[Event] = []
        for draft in drafts:
            body = draft.data
            self._check(source, body.TYPE, draft.queue)
            events.append(
                Event(
                    seq,
                    time_ns,
                    body.TYPE,
                    source,
                    draft.queue,
                    causation_seq,
                    correlation_seq,
                    commit_seq,
                    body,
                )
            )
            if causation_seq is None:
                causation_seq = first_seq
            seq += 1
        self._log.append(first_seq, [encode_event(event) for event in events])
        self.last_seq = commit_seq
        self.last_time_ns = time_ns
        return events
