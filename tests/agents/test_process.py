"""AgentProcess: the loop of an agent's process, driven over the transport in memory."""

from collections.abc import Sequence
from threading import Thread

import msgspec
import pytest
from msgspec import Raw

from agents import process
from agents.agent import Context
from agents.process import AgentProcess
from agents.runtime import Runtime
from bus import wire
from bus.bodies import TruthLabelled
from bus.errors import EnvironmentProblem, ProtocolError
from bus.events import Draft, Message
from bus.transport import MemoryServer
from tests.agents.builders import runtime_of, telemetry

SOON_NS = 5_000_000_000
CONFIGURE = wire.encode(wire.Configure(Raw(b'{"seed":7}')))


def labelling(message: Message, context: Context) -> Sequence[Draft]:
    return [Draft(TruthLabelled("none"))]


READY = wire.Ready("echo", 0, runtime_of(labelling).stopped().state_sha256)


class Peer:
    """The sequencer's side of one agent process that runs in a thread."""

    def __init__(self, is_orphaned: bool = False) -> None:
        self.server = MemoryServer()
        self.settings: list[bytes] = []
        self.errors: list[Exception] = []
        self.is_orphaned = is_orphaned
        agent = AgentProcess("echo", 42, self.server.client("echo"), self._build, lambda: self.is_orphaned)
        self.thread = Thread(target=self._run, args=(agent,), daemon=True)
        self.thread.start()

    def _build(self, settings: bytes) -> Runtime:
        self.settings.append(settings)
        return runtime_of(labelling)

    def _run(self, agent: AgentProcess) -> None:
        try:
            agent.run()
        except (EnvironmentProblem, ProtocolError) as error:
            self.errors.append(error)

    def send(self, frame: bytes) -> None:
        self.server.send("echo", frame)

    def receive(self) -> wire.FromAgent:
        received = self.server.receive(SOON_NS)
        assert received is not None
        assert received.peer == "echo"
        return wire.decode_from_agent(received.frame)

    def receive_after_hellos(self) -> wire.FromAgent:
        while True:
            message = self.receive()
            if not isinstance(message, wire.Hello):
                return message

    def ended(self) -> bool:
        self.thread.join(5)
        return not self.thread.is_alive()


def ready_peer() -> Peer:
    peer = Peer()
    assert peer.receive() == wire.Hello("echo", 42)
    peer.send(CONFIGURE)
    assert peer.receive_after_hellos() == READY
    return peer


def test_an_agent_says_hello_gets_its_settings_handles_and_stops() -> None:
    peer = ready_peer()
    assert peer.settings == [b'{"seed":7}']
    (frame,) = wire.encode_deliveries([telemetry(0, 1), telemetry(5, 2)])
    peer.send(frame)
    handled = peer.receive()
    assert isinstance(handled, wire.Handled)
    assert [[h.started_ns for h in attempts] for attempts in wire.decode_handlings(handled)] == [[0], [10]]
    peer.send(wire.encode(wire.Stop()))
    stopped = peer.receive()
    assert isinstance(stopped, wire.Stopped)
    assert (stopped.state.agent, stopped.state.handled_count) == ("echo", 2)
    assert peer.ended()
    assert peer.errors == []


def test_the_last_word_counts_what_crossed_the_transport() -> None:
    peer = ready_peer()
    frames = [wire.encode_deliveries([telemetry(n, n)])[0] for n in range(3)]
    sent_bytes = len(wire.encode(wire.Hello("echo", 42))) + len(wire.encode(READY))
    for frame in frames:
        peer.send(frame)
        handled = peer.receive()
        assert isinstance(handled, wire.Handled)
        sent_bytes += len(msgspec.json.encode(handled))
    stop = wire.encode(wire.Stop())
    peer.send(stop)
    stopped = peer.receive()
    assert isinstance(stopped, wire.Stopped)
    counted = stopped.counted
    assert (counted.agent, counted.pid, counted.delivery_count, counted.frame_count) == ("echo", 42, 3, 5)
    assert counted.received_bytes == len(CONFIGURE) + sum(map(len, frames)) + len(stop)
    assert counted.sent_bytes >= sent_bytes


def test_hello_is_repeated_until_somebody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "HELLO_INTERVAL_NS", 5_000_000)
    peer = Peer()
    assert [peer.receive() for _ in range(3)] == [wire.Hello("echo", 42)] * 3
    peer.send(CONFIGURE)
    assert peer.receive_after_hellos() == READY
    peer.send(CONFIGURE)
    peer.send(wire.encode(wire.Stop()))
    assert isinstance(peer.receive(), wire.Stopped)
    assert peer.settings == [b'{"seed":7}']


def test_an_agent_that_nobody_answers_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "HELLO_INTERVAL_NS", 1_000_000)
    monkeypatch.setattr(process, "HELLO_COUNT_MAX", 4)
    peer = Peer()
    assert peer.ended()
    assert [str(error) for error in peer.errors] == ["echo found no sequencer to answer it"]
    assert [peer.receive() for _ in range(4)] == [wire.Hello("echo", 42)] * 4


def test_an_agent_whose_sequencer_is_gone_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "POLL_NS", 5_000_000)
    peer = ready_peer()
    peer.is_orphaned = True
    assert peer.ended()
    assert peer.errors == []


def test_an_idle_agent_whose_sequencer_lives_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "POLL_NS", 1_000_000)
    peer = ready_peer()
    peer.thread.join(0.05)
    assert peer.thread.is_alive()
    peer.send(wire.encode(wire.Stop()))
    assert isinstance(peer.receive(), wire.Stopped)


@pytest.mark.parametrize("frame", [wire.encode(wire.Stop()), b"nonsense"])
def test_an_agent_that_gets_no_settings_first_says_so(frame: bytes) -> None:
    peer = Peer()
    peer.receive()
    peer.send(frame)
    assert peer.ended()
    assert isinstance(peer.errors[0], ProtocolError)
    assert peer.settings == []


def test_garbage_ends_an_agent_with_the_reason() -> None:
    peer = ready_peer()
    peer.send(b"garbage")
    assert peer.ended()
    assert "not a message for an agent" in str(peer.errors[0])
