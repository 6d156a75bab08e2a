"""The transport over ZeroMQ: ROUTER at the sequencer, DEALER at each agent, on a private ipc path or on tcp.

Must not know what a frame says.

Settings follow what was measured to lose messages or to hang (libzmq 4.3.5, zmq_setsockopt(3)): MANDATORY
turns a send to nobody into an error, linger is always bounded, and a frame that is too long is refused here
because the peer would only drop the connection.

A message is two parts from an agent, its name and a frame, and one part to an agent. Agents choose no routing
id: whoever connects under the routing id of another takes its place at the ROUTER at once (with HANDOVER) or
is never heard (without). The server gives each connection an id of its own, and sends to the connection that
was last accepted under a name.
"""

import os
from threading import Thread
from types import TracebackType
from typing import NamedTuple, Self

import zmq
from zmq.utils import z85

from bus.curve import ZAP_DOMAIN, ClientKeys, KeyPair, KeyRing, check_endpoint, check_listen
from bus.errors import EnvironmentProblem, ProtocolError, RefusedError
from bus.peers import Credentials, Peers, Stranger
from bus.socket_folder import SocketFolder
from bus.transport import Received, check_frame
from bus.wire import FRAME_BYTES_MAX

HIGH_WATER_FRAMES = 1_000
HEARTBEAT_MS = 1_000
HEARTBEAT_TIMEOUT_MS = 30_000
"""Generous: a sequencer that waits for a long answer of an agent must not lose the connection."""
HANDSHAKE_MS = 5_000
LINGER_MS = 2_000
SEND_TIMEOUT_MS = 5_000
NAME_BYTES_MAX = 256
DROPPED_MESSAGES_MAX = 1_000
"""Of strangers in one call of receive; their flood must not keep the sequencer in it."""
_NS_PER_MS = 1_000_000
_PART_COUNT = 3
"""The routing id that the ROUTER adds, the name, the frame."""
_NOBODY = Credentials(None, None, None)


class _Message(NamedTuple):
    route: bytes
    name: str
    frame: "zmq.Frame | None"
    """None if the message does not have the parts that it must have."""
    part_count: int
    credentials: Credentials
    user_id: str


class ZmqServer:
    """The sequencer's end.

    Without ``listen`` it makes a folder of its own (mode 0700) for a Unix socket, and removes it on
    :meth:`close`; who is at the other end is what the kernel says. ``listen`` is ``tcp://ADDRESS:PORT``
    (``*`` for any free port) and needs ``keys``; who is at the other end is what :meth:`issue_keys` says.

    Raises:
        RefusedError: tcp without keys. Nothing was bound.
        InputError: ``listen`` is not an address of tcp.
        EnvironmentProblem: the socket cannot be bound.
    """

    def __init__(self, listen: str | None = None, keys: KeyPair | None = None) -> None:
        check_listen(listen, keys is not None)
        self._keys = keys
        self._ring = KeyRing()
        self._peers = Peers()
        self._routes: dict[str, bytes] = {}
        self._folder = SocketFolder(zmq.IPC_PATH_MAX_LEN) if listen is None else None
        address = listen or f"ipc://{self._folder.socket if self._folder else ''}"
        self._context = zmq.Context()
        self._context.linger = 0
        try:
            self._socket = self._context.socket(zmq.ROUTER)
            _configure(self._socket)
            self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
            handler = self._demand_keys(keys) if keys is not None else None
            self._socket.bind(address)
        except zmq.ZMQError as error:
            self._context.destroy(linger=0)
            self._remove_folder()
            remedy = (
                f"set TMPDIR to a short writable path (limit {zmq.IPC_PATH_MAX_LEN} bytes)"
                if listen is None
                else "choose another address or port (--listen)"
            )
            raise EnvironmentProblem(f"cannot open the socket {address}: {error}; {remedy}") from None
        self.endpoint = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        if handler is not None:
            # A thread of its own lets agents in while the sequencer is busy; it ends with the context.
            Thread(target=_serve_zap, args=(handler, self._ring), name="zap", daemon=True).start()

    def expect(self, name: str, pid: int | None) -> None:
        """See :meth:`bus.transport.Server.expect`. Over tcp the keys decide, and ``pid`` is not looked at."""
        self._peers.expect(name, pid)
        if pid is not None:
            self._routes.pop(name, None)

    def issue_keys(self, name: str) -> ClientKeys | None:
        """Over tcp: new keys for an agent, which shut out those issued before. None on a Unix socket."""
        if self._keys is None:
            return None
        pair = new_key_pair()
        self._ring.put(name, z85.decode(pair.public))
        self._routes.pop(name, None)
        return ClientKeys(self._keys.public, pair)

    def take_strangers(self) -> list[Stranger]:
        return self._peers.take_strangers()

    @property
    def refused_frame_count(self) -> int:
        return self._peers.refused_frame_count

    def send(self, peer: str, frame: bytes) -> None:
        """Raises ProtocolError when the frame is too long, the peer is not connected or its queue is full."""
        check_frame(frame)
        try:
            self._socket.send_multipart((self._routes[peer], frame), flags=zmq.DONTWAIT, copy=False)
        except KeyError:
            raise ProtocolError(f"agent {peer!r} is not connected: it has sent nothing yet") from None
        except zmq.Again:
            raise ProtocolError(
                f"agent {peer!r} does not read: {HIGH_WATER_FRAMES} frames wait for it"
            ) from None
        except zmq.ZMQError as error:
            raise ProtocolError(f"agent {peer!r} is not connected: {error}") from None

    def receive(self, timeout_ns: int) -> Received | None:
        """The next frame of an expected peer; all others are dropped, see :meth:`take_strangers`."""
        if not self._socket.poll(timeout_ns // _NS_PER_MS):
            return None
        for _ in range(DROPPED_MESSAGES_MAX):
            try:
                message = self._next_message()
            except zmq.Again:
                return None
            reason = self._refusal(message)
            if reason is None and message.frame is not None:
                self._routes[message.name] = message.route
                return Received(message.name, message.frame.bytes)
            self._peers.refuse(message.name, message.credentials, reason or "")
        return None

    def close(self) -> None:
        """Hands over what is still queued, for two seconds at most. May be called twice."""
        self._socket.close(linger=LINGER_MS)
        self._context.term()
        self._remove_folder()

    def _next_message(self) -> _Message:
        """The parts of a message come together; any above what is expected are read and thrown away.

        Credentials are asked of the last part, so they are those of the connection that this message came
        through.
        """
        part = self._socket.recv(zmq.DONTWAIT, copy=False)
        parts, part_count = [part], 1
        while part.more:
            part = self._socket.recv(zmq.DONTWAIT, copy=False)
            part_count += 1
            if part_count <= _PART_COUNT:
                parts.append(part)
        name = parts[1].bytes[: NAME_BYTES_MAX + 1].decode(errors="replace") if part_count > 1 else ""
        frame = parts[2] if part_count == _PART_COUNT else None
        user_id = _property(part, "User-Id") if self._keys is not None else ""
        return _Message(parts[0].bytes, name, frame, part_count, _credentials(part), user_id)

    def _refusal(self, message: _Message) -> str | None:
        if message.frame is None:
            return f"a message of {message.part_count - 1} parts; expected a name and a frame"
        if len(message.name) > NAME_BYTES_MAX:
            return f"a name longer than {NAME_BYTES_MAX} bytes"
        if self._keys is not None:
            return self._ring.refusal(message.name, message.user_id)
        return self._peers.refusal(message.name, message.credentials)

    def _demand_keys(self, keys: KeyPair) -> "zmq.Socket[bytes]":
        """Have every handshake put to a ZAP handler, whose socket is returned."""
        handler = self._context.socket(zmq.REP)
        handler.bind("inproc://zeromq.zap.01")
        self._socket.setsockopt(zmq.CURVE_SERVER, 1)
        self._socket.setsockopt_string(zmq.CURVE_SECRETKEY, keys.secret)
        self._socket.setsockopt_string(zmq.ZAP_DOMAIN, ZAP_DOMAIN)
        self._socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        return handler

    def _remove_folder(self) -> None:
        if self._folder is not None:
            self._folder.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ZmqClient:
    """An agent's end, connected to a :class:`ZmqServer` under a name.

    ``keys`` are what the server issued, for tcp only. ``server_pid`` is the process that frames must come
    from, on a Unix socket only; None: any of this user.

    Raises:
        RefusedError: tcp without keys.
    """

    def __init__(
        self, endpoint: str, name: str, keys: ClientKeys | None = None, server_pid: int | None = None
    ) -> None:
        check_endpoint(endpoint, keys is not None)
        self._endpoint = endpoint
        self._name = name.encode()
        self._server_pid = server_pid
        self._has_sent = False
        self._context = zmq.Context()
        self._context.linger = LINGER_MS
        self._socket = self._context.socket(zmq.DEALER)
        _configure(self._socket)
        self._socket.setsockopt(zmq.IMMEDIATE, 1)
        self._socket.setsockopt(zmq.SNDTIMEO, SEND_TIMEOUT_MS)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 50)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 2_000)
        if keys is not None:
            self._socket.setsockopt_string(zmq.CURVE_SERVERKEY, keys.server_public)
            self._socket.setsockopt_string(zmq.CURVE_PUBLICKEY, keys.pair.public)
            self._socket.setsockopt_string(zmq.CURVE_SECRETKEY, keys.pair.secret)
        self._socket.connect(endpoint)

    def send(self, frame: bytes) -> None:
        """Hand a frame over.

        Raises:
            ProtocolError: the frame is too long, or the sequencer takes none for five seconds.
            EnvironmentProblem: over tcp, nobody at the endpoint let this agent in within five seconds.
        """
        check_frame(frame)
        try:
            self._socket.send_multipart((self._name, frame), copy=False)
        except zmq.Again:
            raise self._unheard() from None
        self._has_sent = True

    def receive(self, timeout_ns: int) -> bytes | None:
        """The next frame of the sequencer.

        Raises:
            RefusedError: somebody else sent it.
            ProtocolError: it has more than one part.
        """
        if not self._socket.poll(timeout_ns // _NS_PER_MS):
            return None
        parts = self._socket.recv_multipart(copy=False)
        pid = _credentials(parts[-1]).pid
        if self._server_pid is not None and pid != self._server_pid:
            raise RefusedError(
                f"a frame at {self._endpoint} came from process {pid}, and the sequencer is process "
                f"{self._server_pid}; somebody has taken its socket: start the run again"
            )
        if len(parts) != 1:
            raise ProtocolError(f"the sequencer sent a message of {len(parts)} parts; expected one frame")
        return parts[0].bytes

    def close(self) -> None:
        """Hands over what is still queued, for two seconds at most. May be called twice.

        What the sequencer has not answered is not promised: while its queue is full, libzmq leaves frames in
        the kernel's buffer, and drops them when this end is closed.
        """
        self._socket.close(linger=LINGER_MS)
        self._context.term()

    def _unheard(self) -> EnvironmentProblem | ProtocolError:
        if self._socket.getsockopt(zmq.MECHANISM) == zmq.CURVE and not self._has_sent:
            return EnvironmentProblem(
                f"nobody at {self._endpoint} let {self._name.decode()} in within {SEND_TIMEOUT_MS} ms: "
                "the sequencer is gone, or these are not the keys that it issued last"
            )
        return ProtocolError(f"the sequencer took no frame for {SEND_TIMEOUT_MS} ms; is it alive?")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def new_key_pair() -> KeyPair:
    """Keys that nobody had before; they never reach a log, so a run stays repeatable."""
    public, secret = zmq.curve_keypair()
    return KeyPair(public.decode(), secret.decode())


def _serve_zap(handler: "zmq.Socket[bytes]", ring: KeyRing) -> None:
    """Answer handshakes until the context ends. The socket belongs to this thread alone."""
    try:
        while True:
            handler.send_multipart(ring.answer_zap(handler.recv_multipart()))
    except zmq.ContextTerminated:
        handler.close(linger=0)


def _credentials(part: "zmq.Frame") -> Credentials:
    """Of a Unix socket: ``localhost:UID:GID:PID`` (SO_PEERCRED at accept and connect)."""
    fields = _property(part, "Peer-Address").split(":")
    if len(fields) != 4 or not all(field.isdigit() for field in fields[1:]):
        return _NOBODY
    return Credentials(*(int(field) for field in fields[1:]))


def _property(part: "zmq.Frame", name: str) -> str:
    try:
        return str(part.get(name))
    except zmq.ZMQError:
        return ""


def _configure(socket: "zmq.Socket[bytes]") -> None:
    socket.setsockopt(zmq.SNDHWM, HIGH_WATER_FRAMES)
    socket.setsockopt(zmq.RCVHWM, HIGH_WATER_FRAMES)
    socket.setsockopt(zmq.MAXMSGSIZE, FRAME_BYTES_MAX)
    socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
    socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TTL, HEARTBEAT_TIMEOUT_MS)
    socket.setsockopt(zmq.IPC_FILTER_UID, os.getuid())
