"""The two ends of a transport, and one in memory that is as public as the real one.

Must not know what a frame says.
"""

import os
from collections.abc import Callable
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from bus.errors import ProtocolError
from bus.peers import Credentials, Peers, Stranger
from bus.wire import FRAME_BYTES_MAX

_NS_PER_S = 1_000_000_000


class Received(NamedTuple):
    peer: str
    """Name of the agent that sent it."""
    frame: bytes


class Server(Protocol):
    """The sequencer's end: talks to agents by name, and hears only those that it expects."""

    def expect(self, name: str, pid: int | None) -> None:
        """From now on only the process ``pid`` may speak as ``name``; None: any process that could connect.

        An earlier incarnation that is still connected is shut out. Until the first call every name is
        welcome, with the first call only those that were called for.
        """

    def take_strangers(self) -> list[Stranger]:
        """Whose frames were dropped, each told once. They never come out of :meth:`receive`."""

    @property
    def refused_frame_count(self) -> int:
        """Frames dropped so far."""

    def send(self, peer: str, frame: bytes) -> None:
        """Hand a frame over. Raises ProtocolError when it is too long or the peer is not there."""

    def receive(self, timeout_ns: int) -> Received | None:
        """The next frame of an expected peer, or None when none comes in time.

        None may come early when a stranger's frames were dropped.
        """

    def close(self) -> None: ...


class Client(Protocol):
    """An agent's end."""

    def send(self, frame: bytes) -> None:
        """Hand a frame over. Raises ProtocolError when it is too long."""

    def receive(self, timeout_ns: int) -> bytes | None:
        """The next frame, or None when none comes in time."""

    def close(self) -> None: ...


class _Sent(NamedTuple):
    name: str
    frame: bytes
    credentials: Credentials


class MemoryServer:
    """A transport within one process; :meth:`client` makes the other ends.

    Safe to use from one thread an end.
    """

    def __init__(self) -> None:
        self._peers = Peers()
        self._inbound: SimpleQueue[_Sent] = SimpleQueue()
        self._outbound: dict[str, tuple[int, SimpleQueue[bytes]]] = {}

    def client(self, name: str, pid: int | None = None) -> "MemoryClient":
        """An end for an agent in the process ``pid``; None stands for this one."""
        pid = os.getpid() if pid is None else pid
        credentials = Credentials(os.getuid(), os.getgid(), pid)
        outbound: SimpleQueue[bytes] = SimpleQueue()
        if self._peers.refusal(name, credentials) is None:
            self._outbound[name] = (pid, outbound)
        return MemoryClient(outbound, lambda frame: self._inbound.put(_Sent(name, frame, credentials)))

    def expect(self, name: str, pid: int | None) -> None:
        self._peers.expect(name, pid)
        if pid is not None and name in self._outbound and self._outbound[name][0] != pid:
            del self._outbound[name]

    def take_strangers(self) -> list[Stranger]:
        return self._peers.take_strangers()

    @property
    def refused_frame_count(self) -> int:
        return self._peers.refused_frame_count

    def send(self, peer: str, frame: bytes) -> None:
        check_frame(frame)
        try:
            self._outbound[peer][1].put(frame)
        except KeyError:
            raise ProtocolError(f"agent {peer!r} is not connected") from None

    def receive(self, timeout_ns: int) -> Received | None:
        try:
            sent = self._inbound.get(timeout=timeout_ns / _NS_PER_S)
        except Empty:
            return None
        reason = self._peers.refusal(sent.name, sent.credentials)
        if reason is not None:
            self._peers.refuse(sent.name, sent.credentials, reason)
            return None
        return Received(sent.name, sent.frame)

    def close(self) -> None:
        self._outbound.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class MemoryClient:
    """An agent's end of a :class:`MemoryServer`."""

    def __init__(self, inbound: "SimpleQueue[bytes]", outbound: Callable[[bytes], None]) -> None:
        self._inbound = inbound
        self._outbound = outbound

    def send(self, frame: bytes) -> None:
        check_frame(frame)
        self._outbound(frame)

    def receive(self, timeout_ns: int) -> bytes | None:
        try:
            return self._inbound.get(timeout=timeout_ns / _NS_PER_S)
        except Empty:
            return None

    def close(self) -> None:
        """Nothing to free."""


def check_frame(frame: bytes) -> None:
    """Raises ProtocolError when a frame is over the limit: a socket would drop the connection in silence."""
    if len(frame) > FRAME_BYTES_MAX:
        raise ProtocolError(f"a frame of {len(frame):,} bytes is over the limit of {FRAME_BYTES_MAX:,}")
