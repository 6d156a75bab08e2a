"""The driver that reaches agents over a transport.

Must not start their processes itself, nor know which transport it is.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec import Raw

from bus import wire
from bus.bodies import Body, PeerRefused, ProcessExited, ProcessStarted
from bus.errors import ProtocolError
from bus.events import Delivery, Recalled
from bus.transport import Server
from simulator.clock import NS_PER_S, elapsed_ns, pause_s
from simulator.drivers.driver import Handled, LastWord
from simulator.errors import AgentDied

POLL_NS = 100_000_000
"""How often the life of the agents is looked at while nothing comes."""
DYING_POLL_S = 0.01
DYING_POLL_COUNT = 50
"""How often, and how often at most, the life of an agent is looked at that cannot be sent to."""
SILENCE_NS_MAX = 60 * NS_PER_S
"""An agent that owes an answer and says nothing for so long is taken for dead."""
RESTARTS_MAX = 5
"""Restarts of an agent in a row, without an answer in between, before the run gives up."""
RESTART_PAUSE_S = 0.1
"""Before the second restart in a row; doubled for each further one."""


class Processes(Protocol):
    """What the driver needs of the agents' processes."""

    def spawn(self, agent: str) -> int:
        """Start the process of an agent; its pid."""

    def freeze(self, agent: str) -> None: ...

    def kill(self, agent: str) -> int | None:
        """End it now; its exit code, or None if there was none."""

    def death(self, agent: str) -> str | None:
        """How it ended, or None while it lives."""


class _Answer(NamedTuple):
    handled: Handled
    deliveries: list[Delivery]


class RemoteDriver:
    """One frame a window and agent in each direction (more when the deliveries are long).

    An agent's process that ends without being asked is started again, told what it knew, and given again what
    it owes; nothing of that is seen in the log. ``settings`` is what each agent is sent when it says hello;
    ``recalled`` gives what it is told that it knew.
    """

    def __init__(
        self,
        server: Server,
        settings: Mapping[str, bytes],
        processes: Processes,
        recalled: Callable[[str], Recalled],
    ) -> None:
        self._server = server
        self._settings = settings
        self._processes = processes
        self._recalled = recalled
        self._owed: dict[str, deque[Delivery]] = {agent: deque() for agent in settings}
        self._answers: deque[_Answer] = deque()
        self._absent: set[str] = set()
        """Agents, by name, that were frozen or ended: what they said before that is not heard any more."""
        self._restarts_in_a_row = dict.fromkeys(settings, 0)
        self._notes: list[Body] = []
        self.pids: dict[str, int] = {}
        self.states: dict[str, str] = {}
        """Digest of each agent's state when it was ready last."""

    def start(self) -> None:
        """Start every agent's process, tell it what it knew, and wait until all are ready.

        Raises:
            AgentDied: one ended, or said nothing.
        """
        for agent in self._settings:
            self._spawn(agent)
        for agent in self._settings:
            try:
                self._greet(agent, self._recalled(agent))
            except AgentDied as death:
                self._bring_up(agent, death)

    def submit(self, agent: str, deliveries: Sequence[Delivery]) -> None:
        self._owed[agent].extend(deliveries)
        try:
            self._hand_out(agent, deliveries)
        except AgentDied as death:
            self._revive(death)

    def collect(self) -> Handled:
        while not self._answers:
            try:
                self._take(*self._receive([agent for agent, owed in self._owed.items() if owed]))
            except AgentDied as death:
                self._revive(death)
        return self._answers.popleft().handled

    def freeze(self, agent: str) -> None:
        self._absent.add(agent)
        self._forget(agent)
        self._processes.freeze(agent)

    def end(self, agent: str) -> None:
        self._absent.add(agent)
        self._forget(agent)
        code = self._processes.kill(agent)
        if code is not None:
            self._notes.append(ProcessExited(agent, self.pids[agent], code))

    def restart(self, agent: str, recalled: Recalled) -> int:
        self._spawn(agent)
        try:
            return self._greet(agent, recalled)
        except AgentDied as death:
            return self._bring_up(agent, death, recalled)

    def stop(self) -> list[LastWord]:
        words: dict[str, LastWord] = {}
        for agent in self._settings:
            self._forget(agent)  # an interrupted run leaves handlings behind
            self._send_or_revive(agent, wire.encode(wire.Stop()))
        while len(words) < len(self._settings):
            try:
                agent, message = self._receive([agent for agent in self._settings if agent not in words])
            except AgentDied as death:
                self._revive(death)
                self._send_or_revive(death.agent, wire.encode(wire.Stop()))
                continue
            if isinstance(message, wire.Stopped):
                words[agent] = LastWord(message.state, message.counted)
        return [words[agent] for agent in self._settings]

    def close(self) -> None:
        self._server.close()

    def take_notes(self) -> list[Body]:
        """What happened to processes since this was asked last, for the observations."""
        for stranger in self._server.take_strangers():
            uid = -1 if stranger.uid is None else stranger.uid
            pid = -1 if stranger.pid is None else stranger.pid
            self._notes.append(PeerRefused(stranger.name, uid, pid, stranger.reason))
        notes, self._notes = self._notes, []
        return notes

    # -- life and death
    # ----------------------------------------------------------------------------------------------------

    def _spawn(self, agent: str) -> None:
        pid = self._processes.spawn(agent)
        self._server.expect(agent, pid)
        self.pids[agent] = pid
        self._absent.discard(agent)
        self._notes.append(ProcessStarted(agent, pid))

    def _greet(self, agent: str, recalled: Recalled) -> int:
        """Wait for its hello, tell it what it knew, and wait until it is ready; what others say is kept."""
        frames = wire.encode_recalled(recalled) if recalled != Recalled() else []
        configure = wire.encode(wire.Configure(Raw(self._settings[agent]), len(frames)))
        is_configured = False
        while True:
            sender, message = self._receive([agent])
            if sender != agent:
                self._take(sender, message)
            elif isinstance(message, wire.Hello) and not is_configured:
                is_configured = True
                for frame in (configure, *frames):
                    self._send(agent, frame)
            elif isinstance(message, wire.Ready):
                self.states[agent] = message.state_sha256
                return message.recalled_count

    def _revive(self, death: AgentDied) -> None:
        """Start a dead agent again and give it again all that it owes; its state comes from the log.

        Raises:
            AgentDied: it died too often in a row.
        """
        agent = death.agent
        owed = self._owed[agent]
        for answer in reversed(self._answers):
            if answer.handled.agent == agent:
                owed.extendleft(reversed(answer.deliveries))
        again = list(owed)
        while True:
            self._bring_up(agent, death)
            self._owed[agent].extend(again)
            try:
                self._hand_out(agent, again)
            except AgentDied as next_death:
                death = next_death
            else:
                return

    def _bring_up(self, agent: str, death: AgentDied, recalled: Recalled | None = None) -> int:
        """Start a process in place of a dead one; how many bodies it was told and took in.

        It is told what it knew, unless ``recalled`` says what it is to be told.
        """
        while True:
            count = self._restarts_in_a_row[agent] = self._restarts_in_a_row[agent] + 1
            if count > RESTARTS_MAX:
                raise AgentDied(agent, f"{death.reason}, {count} times in a row") from death
            if count > 1:
                pause_s(RESTART_PAUSE_S * 2 ** (count - 2))
            self.end(agent)
            try:
                self._spawn(agent)
                return self._greet(agent, self._recalled(agent) if recalled is None else recalled)
            except AgentDied as next_death:
                death = next_death

    def _forget(self, agent: str) -> None:
        self._owed[agent].clear()
        self._answers = deque(answer for answer in self._answers if answer.handled.agent != agent)

    # -- frames
    # ------------------------------------------------------------------------------------------------------

    def _hand_out(self, agent: str, deliveries: Sequence[Delivery]) -> None:
        for frame in wire.encode_deliveries(deliveries):
            self._send(agent, frame)

    def _take(self, agent: str, message: wire.FromAgent) -> None:
        if isinstance(message, wire.Hello) or agent in self._absent:
            return  # one that was sent once too often, or what was on its way when the agent was ended
        if not isinstance(message, wire.Handled):
            raise AgentDied(agent, f"sent {type(message).__name__} when it was not asked")
        owed = self._owed[agent]
        if len(message.handlings) > len(owed):
            raise AgentDied(agent, f"answered {len(message.handlings)} deliveries, it had {len(owed)}")
        try:
            handled = Handled(agent, wire.decode_handlings(message))
        except ProtocolError as error:
            raise AgentDied(agent, f"sent what cannot be read: {error}") from None
        self._answers.append(_Answer(handled, [owed.popleft() for _ in handled.attempts]))
        self._restarts_in_a_row[agent] = 0

    def _send(self, agent: str, frame: bytes) -> None:
        try:
            self._server.send(agent, frame)
        except ProtocolError as error:
            # A process that dies closes its socket a moment before the system says that it is dead.
            for _ in range(DYING_POLL_COUNT):
                death = self._processes.death(agent)
                if death is not None:
                    raise AgentDied(agent, death) from error
                pause_s(DYING_POLL_S)
            raise AgentDied(agent, f"cannot be sent to: {error}") from error

    def _send_or_revive(self, agent: str, frame: bytes) -> None:
        try:
            self._send(agent, frame)
        except AgentDied as death:
            self._revive(death)
            self._send(agent, frame)

    def _receive(self, awaited: Sequence[str]) -> tuple[str, wire.FromAgent]:
        """The next message of an agent, whoever sent it; ``awaited`` are those that owe one."""
        assert awaited, "nothing was submitted, so nothing can be collected"
        silent_since_ns = elapsed_ns()
        while True:
            received = self._server.receive(POLL_NS)
            deaths = [] if received else self._deaths(awaited)
            if deaths:
                received = self._server.receive(0)  # its last message may have come before it ended
            if received is not None:
                return received.peer, self._decoded(received.peer, received.frame)
            for agent, death in deaths:
                raise AgentDied(agent, death)
            if elapsed_ns() - silent_since_ns > SILENCE_NS_MAX:
                raise AgentDied(awaited[0], f"said nothing for {SILENCE_NS_MAX // NS_PER_S} s")

    def _deaths(self, agents: Sequence[str]) -> list[tuple[str, str]]:
        return [(agent, death) for agent in agents if (death := self._processes.death(agent))]

    def _decoded(self, agent: str, frame: bytes) -> wire.FromAgent:
        try:
            return wire.decode_from_agent(frame)
        except ProtocolError as error:
            raise AgentDied(agent, f"sent what cannot be read: {error}") from None
