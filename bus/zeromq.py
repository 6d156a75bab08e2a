"""The transport over ZeroMQ: ROUTER at the sequencer, DEALER at each agent, on a private ipc path.

Must not know what a frame says.

Settings follow what was measured to lose messages or to hang (libzmq 4.3.5, zmq_setsockopt(3)): MANDATORY
turns a send to nobody into an error, HANDOVER lets a restarted agent take over its name, linger is always
bounded, and a frame that is too long is refused here because the peer would only drop the connection.
"""

import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import zmq

from bus.errors import EnvironmentProblem, ProtocolError
from bus.transport import Received, check_frame
from bus.wire import FRAME_BYTES_MAX

HIGH_WATER_FRAMES = 1_000
HEARTBEAT_MS = 1_000
HEARTBEAT_TIMEOUT_MS = 30_000
"""Generous: a sequencer that waits for a long answer of an agent must not lose the connection."""
HANDSHAKE_MS = 5_000
LINGER_MS = 2_000
SEND_TIMEOUT_MS = 5_000
_NS_PER_MS = 1_000_000


class ZmqServer:
    """The sequencer's end.

    Makes a folder of its own (mode 0700) for the socket, and removes it on :meth:`close`.

    Raises:
        EnvironmentProblem: the path of the socket is too long for the kernel, or cannot be bound.
    """

    def __init__(self) -> None:
        self._folder = _private_folder()
        path = self._folder / "bus"
        self.endpoint = f"ipc://{path}"
        self._context = zmq.Context()
        self._context.linger = 0
        try:
            self._socket = self._context.socket(zmq.ROUTER)
            _configure(self._socket)
            self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
            self._socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
            self._socket.bind(self.endpoint)
        except zmq.ZMQError as error:
            self._context.destroy(linger=0)
            self._remove_folder()
            limit = zmq.IPC_PATH_MAX_LEN
            raise EnvironmentProblem(
                f"cannot open the socket {path}: {error}; "
                f"set TMPDIR to a short writable path (limit {limit} bytes)"
            ) from None

    def send(self, peer: str, frame: bytes) -> None:
        """Raises ProtocolError when the frame is too long, the peer is not connected or its queue is full."""
        check_frame(frame)
        try:
            self._socket.send_multipart((peer.encode(), frame), flags=zmq.DONTWAIT, copy=False)
        except zmq.Again:
            raise ProtocolError(
                f"agent {peer!r} does not read: {HIGH_WATER_FRAMES} frames wait for it"
            ) from None
        except zmq.ZMQError as error:
            raise ProtocolError(f"agent {peer!r} is not connected: {error}") from None

    def receive(self, timeout_ns: int) -> Received | None:
        """Raises ProtocolError on a message that is not one name and one frame."""
        if not self._socket.poll(timeout_ns // _NS_PER_MS):
            return None
        parts = self._socket.recv_multipart()
        if len(parts) != 2:
            raise ProtocolError(f"a message of {len(parts)} parts came in; expected a name and a frame")
        return Received(parts[0].decode(errors="replace"), parts[1])

    def close(self) -> None:
        """Hands over what is still queued, for two seconds at most. May be called twice."""
        self._socket.close(linger=LINGER_MS)
        self._context.term()
        self._remove_folder()

    def _remove_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ZmqClient:
    """An agent's end, connected to a :class:`ZmqServer` under a name."""

    def __init__(self, endpoint: str, name: str) -> None:
        self._context = zmq.Context()
        self._context.linger = LINGER_MS
        self._socket = self._context.socket(zmq.DEALER)
        _configure(self._socket)
        self._socket.setsockopt(zmq.ROUTING_ID, name.encode())
        self._socket.setsockopt(zmq.IMMEDIATE, 1)
        self._socket.setsockopt(zmq.SNDTIMEO, SEND_TIMEOUT_MS)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 50)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 2_000)
        self._socket.connect(endpoint)

    def send(self, frame: bytes) -> None:
        """Raises ProtocolError when the frame is too long or the sequencer takes none for five seconds."""
        check_frame(frame)
        try:
            self._socket.send(frame, copy=False)
        except zmq.Again:
            raise ProtocolError(
                f"the sequencer took no frame for {SEND_TIMEOUT_MS} ms; is it alive?"
            ) from None

    def receive(self, timeout_ns: int) -> bytes | None:
        if not self._socket.poll(timeout_ns // _NS_PER_MS):
            return None
        return self._socket.recv()

    def close(self) -> None:
        """Hands over what is still queued, for two seconds at most. May be called twice."""
        self._socket.close(linger=LINGER_MS)
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _private_folder() -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="trinity-"))
    except OSError as error:
        raise EnvironmentProblem(
            f"cannot make a folder for the socket: {error.strerror or error}; set TMPDIR to a writable folder"
        ) from None


def _configure(socket: "zmq.Socket[bytes]") -> None:
    socket.setsockopt(zmq.SNDHWM, HIGH_WATER_FRAMES)
    socket.setsockopt(zmq.RCVHWM, HIGH_WATER_FRAMES)
    socket.setsockopt(zmq.MAXMSGSIZE, FRAME_BYTES_MAX)
    socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
    socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TTL, HEARTBEAT_TIMEOUT_MS)
    socket.setsockopt(zmq.IPC_FILTER_UID, os.getuid())
