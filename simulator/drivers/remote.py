"""The driver that reaches agents over a transport.

Must not start their processes, nor know which transport it is.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Raw

from bus import wire
from bus.errors import ProtocolError
from bus.events import Delivery
from bus.transport import Server
from simulator.clock import NS_PER_S, elapsed_ns, pause_s
from simulator.drivers.driver import Handled, LastWord
from simulator.errors import AgentDied

POLL_NS = 100_000_000
"""How often the life of the agents is looked at while nothing comes."""
DYING_POLL_S = 0.01
DYING_POLL_COUNT = 50
"""How often, and how often at most, the life of an agent is looked at that cannot be sent to."""
SILENCE_NS_MAX = 120 * NS_PER_S
"""An agent that owes an answer and says nothing for so long is taken for dead."""


class RemoteDriver:
    """One frame a window and agent in each direction (more when the deliveries are long).

    ``settings`` is what each agent is sent when it says hello; ``death`` tells how an agent ended, or None
    while it lives.
    """

    def __init__(
        self,
        server: Server,
        settings: Mapping[str, bytes],
        death: Callable[[str], str | None],
    ) -> None:
        self._server = server
        self._settings = settings
        self._death = death
        self._owed: dict[str, int] = dict.fromkeys(settings, 0)
        self.pids: dict[str, int] = {}

    def start(self) -> None:
        """Wait until every agent has said hello, has its settings and is ready.

        Raises:
            AgentDied: one ended, or said nothing.
        """
        ready: list[str] = []
        while len(ready) < len(self._settings):
            agent, message = self._receive([agent for agent in self._settings if agent not in ready])
            if isinstance(message, wire.Hello) and agent not in self.pids:
                self.pids[agent] = message.pid
                self._send(agent, wire.encode(wire.Configure(Raw(self._settings[agent]))))
            elif isinstance(message, wire.Ready):
                ready.append(agent)

    def submit(self, agent: str, deliveries: Sequence[Delivery]) -> None:
        for frame in wire.encode_deliveries(deliveries):
            self._send(agent, frame)
            self._owed[agent] += 1

    def collect(self) -> Handled:
        while True:
            agent, message = self._receive([agent for agent, count in self._owed.items() if count])
            if isinstance(message, wire.Handled):
                self._owed[agent] -= 1
                return Handled(agent, wire.decode_handlings(message))
            self._refuse_unexpected(agent, message)

    def stop(self) -> list[LastWord]:
        words: dict[str, LastWord] = {}
        for agent in self._settings:
            self._send(agent, wire.encode(wire.Stop()))
        while len(words) < len(self._settings):
            agent, message = self._receive([agent for agent in self._settings if agent not in words])
            if isinstance(message, wire.Stopped):
                words[agent] = LastWord(message.state, message.counted)
            elif not isinstance(message, wire.Handled):  # an interrupted run leaves handlings behind
                self._refuse_unexpected(agent, message)
        return [words[agent] for agent in self._settings]

    def close(self) -> None:
        self._server.close()

    def _send(self, agent: str, frame: bytes) -> None:
        try:
            self._server.send(agent, frame)
        except ProtocolError as error:
            # A process that dies closes its socket a moment before the system says that it is dead.
            for _ in range(DYING_POLL_COUNT):
                death = self._death(agent)
                if death is not None:
                    raise AgentDied(agent, death) from error
                pause_s(DYING_POLL_S)
            raise

    def _receive(self, awaited: Sequence[str]) -> tuple[str, wire.FromAgent]:
        """The next message of an agent of this run, whoever sent it; ``awaited`` are those that owe one."""
        assert awaited, "nothing was submitted, so nothing can be collected"
        silent_since_ns = elapsed_ns()
        while True:
            received = self._server.receive(POLL_NS)
            deaths = [] if received else [(agent, d) for agent in awaited if (d := self._death(agent))]
            if deaths:
                received = self._server.receive(0)  # its last message may have come before it ended
            if received is not None:
                if received.peer not in self._settings:
                    raise ProtocolError(f"{received.peer!r} is not an agent of this run and sent a frame")
                return received.peer, wire.decode_from_agent(received.frame)
            for agent, death in deaths:
                raise AgentDied(agent, death)
            if elapsed_ns() - silent_since_ns > SILENCE_NS_MAX:
                raise AgentDied(awaited[0], f"said nothing for {SILENCE_NS_MAX // NS_PER_S} s")

    def _refuse_unexpected(self, agent: str, message: wire.FromAgent) -> None:
        if not isinstance(message, wire.Hello):
            raise ProtocolError(f"{agent} sent {type(message).__name__} when it was not asked")
