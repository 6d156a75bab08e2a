"""Garbage on the bus: bytes that are no ZMTP, spoilt handshakes, messages of too much or too little.

Whatever comes in, the agents that behave are heard. Must not use a network.
"""

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context
from random import Random
from time import monotonic, sleep

import zmq

from bus import wire
from bus.errors import ProtocolError
from bus.zeromq import ZmqClient, ZmqServer
from tests.torture.mutation import mutate
from tests.torture.outcome import Effort, Outcome
from tests.torture.samples import samples

SOON_NS = 1_000_000_000
SOON_MS = 1_000
BAD_SHAPES: tuple[tuple[bytes, ...], ...] = (
    (b"",),
    (b"witness",),
    (b"", b""),
    (b"witness", b"a", b"b"),
    (b"witness", *[b"x"] * 10_000),
)
"""Parts of messages: none but an empty one, no frame, no name, one part too many, far too many."""
GREETING = b"\xff" + bytes(7) + b"\x01\x7f\x03\x01NULL" + bytes(16) + b"\x00" + bytes(31)
"""Of ZMTP 3.1 with the NULL mechanism (https://rfc.zeromq.org/spec/37)."""
READY = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
PATIENCE_S = 120.0
ABORTS_MAX = 5


def run(effort: Effort) -> list[Outcome]:
    return [
        _apart(raw_bytes, effort.count(20_000, 300), 1),
        _apart(bad_messages, effort.count(100, 3)),
        spoilt_frames(effort.count(20_000, 500), seed=2),
    ]


def _apart(case: Callable[..., Outcome], *arguments: int) -> Outcome:
    """A case in a process of its own: libzmq 4.3.5 may abort or crash on it, which is a restart and no loss.

    A case that never comes through is an error.
    """
    for abort_count in range(ABORTS_MAX):
        spawn = get_context("spawn")
        with suppress(BrokenProcessPool), ProcessPoolExecutor(1, mp_context=spawn) as pool:
            outcome = pool.submit(case, *arguments).result()
            return outcome._replace(figures={**outcome.figures, "libzmq_aborts": abort_count})
    raise AssertionError(f"{case.__name__} ended its process {ABORTS_MAX} times")


class Probe:
    """An agent that behaves, to see whether it is still heard."""

    def __init__(self, server: ZmqServer) -> None:
        self._server = server
        self._client = ZmqClient(server.endpoint, "witness")
        self._count = 0
        self.unheard_count = 0
        self.accepted_count = 0
        """Frames of others that came out of the bus."""

    def look(self) -> None:
        """Send one frame and wait for it."""
        self._count += 1
        frame = b"probe %d" % self._count
        self._client.send(frame)
        began = monotonic()
        while monotonic() - began < 5:
            received = self._server.receive(SOON_NS)
            if received == ("witness", frame):
                return
            self.accepted_count += received is not None
        self.unheard_count += 1

    def close(self) -> None:
        self._client.close()


def raw_bytes(count: int, seed: int) -> Outcome:
    """Connections that send what no ZeroMQ sends; every tenth begins with a greeting that is right."""
    random = Random(seed)
    seeds = (GREETING, GREETING + READY, GREETING + READY + b"\x00\x05hello", random.randbytes(200))
    began = monotonic()
    tried = refused_connects = 0
    with ZmqServer() as server:
        probe = Probe(server)
        server.expect("witness", None)
        probe.look()
        while tried < count and monotonic() - began < PATIENCE_S:
            tried += 1
            data = random.randbytes(80) if tried % 5 == 0 else mutate(random.choice(seeds), seeds, random)
            refused_connects += not _throw(server.endpoint, data)
            if tried % 100 == 0:
                probe.look()
        probe.close()
        figures: dict[str, int | float] = {
            "accepted": probe.accepted_count,
            "probes_unheard": probe.unheard_count,
            "refused_connects": refused_connects,
            "dropped": server.refused_frame_count,
        }
    return Outcome(
        "garbage on the socket", tried, figures, ("accepted", "probes_unheard", "refused_connects")
    )


def _throw(endpoint: str, data: bytes) -> bool:
    """Connect, send and hang up; False when the server did not take the connection within a second."""
    for _ in range(1_000):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.settimeout(1)
            try:
                raw.connect(endpoint.removeprefix("ipc://"))
            except BlockingIOError:
                sleep(0.001)  # its backlog is full
                continue
            with suppress(BrokenPipeError):  # it hangs up as soon as it has seen enough
                raw.sendall(data)
            return True
    return False


def bad_messages(rounds: int) -> Outcome:
    """Messages of an agent's process with too many parts, too few, none, too long; between them good ones."""
    figures: dict[str, int | float] = {
        "accepted": 0,
        "probes_unheard": 0,
        "not_reported": 0,
        "not_refused": 0,
    }
    with ZmqServer() as server, zmq.Context() as context:
        probe = Probe(server)
        server.expect("witness", None)
        probe.look()
        for _ in range(rounds):
            for parts in BAD_SHAPES:
                before = server.refused_frame_count
                _send_raw(context, server.endpoint, parts)
                _drain(server, figures)
                figures["not_reported"] += server.refused_frame_count != before + 1
                probe.look()
            _send_raw(context, server.endpoint, (b"witness", bytes(wire.FRAME_BYTES_MAX + 1)))
            _drain(server, figures)
            figures["not_refused"] += _sends_oversize(server)
            probe.look()
        figures["reported"] = len(server.take_strangers())
        figures["probes_unheard"] = probe.unheard_count
        figures["accepted"] += probe.accepted_count
        probe.close()
    must_be_zero = ("accepted", "probes_unheard", "not_reported", "not_refused")
    return Outcome("frames out of bounds", 7 * rounds, figures, must_be_zero, ("reported",))


def _send_raw(context: zmq.Context[zmq.Socket[bytes]], endpoint: str, parts: Sequence[bytes]) -> None:
    with context.socket(zmq.DEALER) as dealer:
        dealer.linger = SOON_MS
        dealer.connect(endpoint)
        dealer.send_multipart(parts)


def _drain(server: ZmqServer, figures: dict[str, int | float]) -> None:
    """Look once at what was just sent; nothing of it may come out."""
    figures["accepted"] += server.receive(SOON_NS // 5) is not None


def _sends_oversize(server: ZmqServer) -> bool:
    with ZmqClient(server.endpoint, "witness") as client:
        try:
            client.send(bytes(wire.FRAME_BYTES_MAX + 1))
        except ProtocolError:
            return False
        return True


def spoilt_frames(count: int, seed: int) -> Outcome:
    """An agent's frames, spoilt, over a socket and through the decoder: refused with a reason, or whole."""
    random = Random(seed)
    good = samples().frames_from_agent
    counted = dict.fromkeys(("refused", "taken", "crashes", "lost"), 0)
    with ZmqServer() as server, ZmqClient(server.endpoint, "witness") as client:
        server.expect("witness", None)
        for _ in range(count):
            frame = mutate(random.choice(good), good, random)
            client.send(frame)
            received = server.receive(5 * SOON_NS)
            if received is None or received.frame != frame:
                counted["lost"] += 1
                continue
            counted[_decoded(received.frame)] += 1
    figures: dict[str, int | float] = {**counted}
    return Outcome("spoilt frames of an agent", count, figures, ("crashes", "lost"), ("refused",))


def _decoded(frame: bytes) -> str:
    try:
        message = wire.decode_from_agent(frame)
        if isinstance(message, wire.Handled):
            wire.decode_handlings(message)
    except ProtocolError:
        return "refused"
    except Exception:  # noqa: BLE001 - whatever else comes out is what is looked for
        return "crashes"
    return "taken"
