"""The two ends of a transport, and one in memory that is as public as the real one.

Must not know what a frame says.
"""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from bus.errors import ProtocolError
from bus.wire import FRAME_BYTES_MAX

_NS_PER_S = 1_000_000_000


class Received(NamedTuple):
    peer: str
    """Name of the agent that sent it."""
    frame: bytes


class Server(Protocol):
    """The sequencer's end: talks to agents by name."""

    def send(self, peer: str, frame: bytes) -> None:
        """Hand a frame over. Raises ProtocolError when it is too long or the peer is not there."""

    def receive(self, timeout_ns: int) -> Received | None:
        """The next frame of any peer, or None when none comes in time."""

    def close(self) -> None: ...


class Client(Protocol):
    """An agent's end."""

    def send(self, frame: bytes) -> None:
        """Hand a frame over. Raises ProtocolError when it is too long."""

    def receive(self, timeout_ns: int) -> bytes | None:
        """The next frame, or None when none comes in time."""

    def close(self) -> None: ...


class MemoryServer:
    """A transport within one process; :meth:`client` makes the other ends.

    Safe to use from one thread an end.
    """

    def __init__(self) -> None:
        self._inbound: SimpleQueue[Received] = SimpleQueue()
        self._outbound: dict[str, SimpleQueue[bytes]] = {}

    def client(self, name: str) -> "MemoryClient":
        self._outbound[name] = SimpleQueue()
        return MemoryClient(self._outbound[name], lambda frame: self._inbound.put(Received(name, frame)))

    def send(self, peer: str, frame: bytes) -> None:
        check_frame(frame)
        try:
            self._outbound[peer].put(frame)
        except KeyError:
            raise ProtocolError(f"agent {peer!r} is not connected") from None

    def receive(self, timeout_ns: int) -> Received | None:
        try:
            return self._inbound.get(timeout=timeout_ns / _NS_PER_S)
        except Empty:
            return None

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
