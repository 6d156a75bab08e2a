"""Much traffic, slow readers, sudden ends and a flood of connections: what was acknowledged arrived.

Must not use a network. Figures count frames, unless their name says more.
"""

import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import psutil

from bus.errors import ProtocolError
from bus.transport import Received
from bus.zeromq import HIGH_WATER_FRAMES, ZmqClient, ZmqServer
from tests.torture.outcome import Effort, Outcome
from tests.torture.puppet import Puppet

SOON_NS = 1_000_000_000
PATIENCE_S = 120.0
PRODUCERS = ("witness", "architect", "executor")
SLOW_FRAME_BYTES = 10_000
SLOW_RSS_BYTES_MAX = 128 << 20
FEW_OPEN_FILES = 64


def run(effort: Effort) -> list[Outcome]:
    return [
        exit_flush(effort.count(20_000, 1_000)),
        slow_consumer(effort.count(10, 1)),
        total_order(effort.count(100_000, 3_000)),
        connection_flood(effort.count(5, 1)),
    ]


def exit_flush(count: int) -> Outcome:
    """An agent publishes and ends, by itself, by an exception, by SIGTERM: all that it sent came through.

    It never has more frames unanswered than a queue holds, as the agents of a run. One that sends without
    waiting for answers is measured as well: what of its frames is lost when it ends was not acknowledged.
    """
    figures: dict[str, int | float] = {"lost": 0, "acknowledged_lost": 0, "disordered": 0}
    for ending in ("exit", "raise", "terminate"):
        found = _end(ending, f"publish {count}", count)
        figures[f"sent_before_{ending}"] = found.sent
        figures["lost"] += max(0, found.sent - found.received)
        figures["acknowledged_lost"] += max(0, found.acknowledged - found.received)
        figures["disordered"] += found.disordered
    flood = _end("exit", f"send {count}", count)
    figures["disordered"] += flood.disordered
    figures["unanswered_flood_lost"] = flood.sent - flood.received
    counts = ("sent_before_exit", "sent_before_raise", "sent_before_terminate")
    return Outcome("exit flush", 4 * count, figures, ("lost", "acknowledged_lost", "disordered"), counts)


class _Ended(NamedTuple):
    sent: int
    acknowledged: int
    received: int
    disordered: bool


def _end(ending: str, command: str, count: int) -> _Ended:
    """Let an agent carry out a command and end it half-way, in the given manner."""
    answers = command.startswith("publish")
    with ZmqServer() as server, Puppet("client", server.endpoint, "witness") as agent:
        server.expect("witness", agent.pid)
        agent.said()
        agent.tell(command)
        frames = [received.frame for received in heard(server, count // 2, answers=answers)]
        if ending == "terminate":
            agent.signal(signal.SIGTERM)  # in the middle of sending
        else:
            agent.tell(ending)
        frames += [received.frame for received in heard(server, count, answers=answers)]
        sent_count, acknowledged_count = map(int, agent.said().split())
    disordered = frames != [b"%d" % n for n in range(len(frames))]
    return _Ended(sent_count, acknowledged_count, len(frames), disordered)


def heard(server: ZmqServer, count: int, *, answers: bool = False) -> Iterator[Received]:
    """The next frames, until there were so many or a second was quiet."""
    began = monotonic()
    for _ in range(count):
        received = server.receive(SOON_NS)
        if received is None or monotonic() - began > PATIENCE_S:
            return
        if answers:
            with suppress(ProtocolError):  # it may have ended since
                server.send(received.peer, b"acknowledged")
        yield received


def slow_consumer(rounds: int) -> Outcome:
    """Frames are sent to an agent that does not read, until the bus says so; then it reads all of them."""
    figures: dict[str, int | float] = {
        "sent": 0,
        "received": 0,
        "lost": 0,
        "backpressure_errors": 0,
        "over_rss": 0,
    }
    process = psutil.Process()
    began_bytes = process.memory_info().rss
    with ZmqServer() as server, Puppet("client", server.endpoint, "witness") as agent:
        agent.said()
        agent.tell("send 1")
        assert server.receive(10 * SOON_NS) is not None
        for _ in range(rounds):
            sent_count = 0
            agent.signal(signal.SIGSTOP)
            try:
                while sent_count < 100 * HIGH_WATER_FRAMES:
                    server.send("witness", b"%06d" % sent_count + bytes(SLOW_FRAME_BYTES))
                    sent_count += 1
            except ProtocolError:
                figures["backpressure_errors"] += 1
            agent.signal(signal.SIGCONT)
            agent.tell("read")
            received_count, in_order = map(int, agent.said().split())
            figures["sent"] += sent_count
            figures["received"] += received_count
            figures["lost"] += abs(sent_count - received_count) + (1 - in_order)
    grown_bytes = process.memory_info().rss - began_bytes
    figures["rss_growth_bytes"] = grown_bytes
    figures["over_rss"] = int(grown_bytes > SLOW_RSS_BYTES_MAX)
    return Outcome(
        "slow consumer",
        int(figures["sent"]),
        figures,
        ("lost", "over_rss"),
        ("backpressure_errors", "received"),
    )


def total_order(count: int) -> Outcome:
    """Three processes send as fast as they can; each one's frames come in the order in which it sent them."""
    each = count // len(PRODUCERS)
    expected = dict.fromkeys(PRODUCERS, 0)
    inversions = 0
    began = monotonic()
    with ZmqServer() as server, ExitStack() as stack:
        for name in PRODUCERS:
            agent = stack.enter_context(Puppet("client", server.endpoint, name))
            server.expect(name, agent.pid)
            agent.said()
            agent.tell(f"send {each}")
        for received in heard(server, each * len(PRODUCERS)):
            inversions += int(received.frame) != expected[received.peer]
            expected[received.peer] = int(received.frame) + 1
        strangers = len(server.take_strangers())
    received_count = sum(expected.values())
    figures: dict[str, int | float] = {
        "received": received_count,
        "lost": each * len(PRODUCERS) - received_count,
        "inversions": inversions,
        "strangers": strangers,
        "frames_per_s": round(received_count / (monotonic() - began)),
    }
    return Outcome("total order", received_count, figures, ("lost", "inversions", "strangers"))


def connection_flood(rounds: int) -> Outcome:
    """Silent connections use up a server's files: libzmq aborts, and a restart has all it acknowledged."""
    figures: dict[str, int | float] = dict.fromkeys(
        ("acknowledged", "acknowledged_lost", "connections", "restarts", "not_served_after"), 0
    )
    with tempfile.TemporaryDirectory(prefix="trinity-flood-") as text:
        folder = Path(text)
        for number in range(rounds):
            ledger = folder / f"ledger-{number}"
            acknowledged = _flood(ledger, figures)
            written = ledger.read_bytes().splitlines() if ledger.exists() else []
            figures["acknowledged"] += len(acknowledged)
            figures["acknowledged_lost"] += len(set(acknowledged) - set(written))
            with Puppet("server", "1024", str(ledger), folder=folder) as again:
                figures["not_served_after"] += b"after" not in _exchange(again.said(), [b"after"])
    must_be_zero = ("acknowledged_lost", "not_served_after")
    return Outcome("connection flood", int(figures["connections"]), figures, must_be_zero, ("acknowledged",))


def _flood(ledger: Path, figures: dict[str, int | float]) -> list[bytes]:
    with (
        Puppet("server", str(FEW_OPEN_FILES), str(ledger), folder=ledger.parent) as server,
        ExitStack() as stack,
    ):
        endpoint = server.said()
        acknowledged = _exchange(endpoint, [b"before %d" % n for n in range(200)])
        for _ in range(2 * FEW_OPEN_FILES):
            silent = stack.enter_context(socket.socket(socket.AF_UNIX))
            silent.settimeout(1)
            try:
                silent.connect(endpoint.removeprefix("ipc://"))
            except OSError:
                break  # it is full, or it is gone
            figures["connections"] += 1
        acknowledged += (
            _exchange(endpoint, [b"during %d" % n for n in range(20)]) if server.is_alive() else []
        )
        figures["restarts"] += not server.is_alive()
        return acknowledged


def _exchange(endpoint: str, frames: list[bytes]) -> list[bytes]:
    """Send frames, and return what the server acknowledged of them."""
    with ZmqClient(endpoint, "witness") as client:
        try:
            for frame in frames:
                client.send(frame)
        except ProtocolError:
            return []
        acknowledged: list[bytes] = []
        while len(acknowledged) < len(frames):
            answer = client.receive(SOON_NS)
            if answer is None:
                break
            acknowledged.append(answer)
        return acknowledged
