"""Lets planned outages happen: freeze, end and restart agents at their moments. Must not plan them."""

from collections.abc import Callable, Sequence

from bus.bodies import (
    AgentCrashed,
    AgentRefused,
    AgentStarted,
    Body,
    DeliveryRedelivered,
    FaultInjected,
    LimitReached,
)
from bus.events import Draft, Recalled
from bus.keys import SEQUENCER
from bus.sequencer import Cause
from simulator.drivers.driver import Driver
from simulator.engine import Engine
from simulator.faults.outage import Outage
from simulator.roles import ROLES

REASONS = {
    "crash": "its process was killed",
    "crash_loop": "its process was killed",
    "amnesia": "its process was killed",
    "hang": "it gave no sign of life and was killed",
}


class Outages:
    """The supervisor of a simulated run.

    ``recalled`` gives what an agent is told when it starts again, from the log as it is now;
    ``known_count`` how many events made the state of an agent so far.
    """

    def __init__(
        self,
        engine: Engine,
        driver: Driver,
        recalled: Callable[[str], Recalled],
        known_count: Callable[[str], int],
        restarts_max: int,
    ) -> None:
        self._engine = engine
        self._driver = driver
        self._recalled = recalled
        self._known_count = known_count
        self._restarts_max = restarts_max
        self._restart_counts = dict.fromkeys(ROLES, 0)
        self.absent: set[str] = set()
        """Agents that are not there, by name."""

    def plan(self, outages: Sequence[Outage]) -> None:
        """Put every outage into the engine's timetable; call before the first step."""
        for outage in outages:
            _Progress(self, outage).plan(self._engine)

    def commit(self, time_ns: int, source: str, body: Body, cause: Cause | None) -> Cause:
        event = self._engine.record(time_ns, source, [Draft(body)], cause)[0]
        return Cause(event.seq, event.correlation_seq)

    def started(self, time_ns: int, agent: str, cause: Cause) -> None:
        self._restart_counts[agent] += 1
        body = AgentStarted(agent, list(ROLES[agent].consumes), self._restart_counts[agent])
        self.commit(time_ns, agent, body, cause)

    def freeze(self, agent: str) -> None:
        self.absent.add(agent)
        self._engine.post.inboxes[agent].lose()
        self._driver.freeze(agent)

    def end(self, agent: str) -> None:
        self._driver.end(agent)

    def give_up(self, time_ns: int, agent: str, cause: Cause) -> None:
        limit = LimitReached("agent_restarts_max", agent, self._restarts_max)
        self.commit(time_ns, SEQUENCER, limit, cause)

    def start_anew(self, time_ns: int, agent: str, cause: Cause) -> None:
        """Start it with nothing; who comes back without what the log says it knew is not let in."""
        recalled_count = self._driver.restart(agent, Recalled())
        self._driver.end(agent)
        reason = f"it knows {recalled_count} of the {self._known_count(agent)} events that made its state"
        self.commit(time_ns, SEQUENCER, AgentRefused(agent, reason), cause)

    def bring_back(self, time_ns: int, agent: str, cause: Cause) -> None:
        self.started(time_ns, agent, cause)
        recalled = self._recalled(agent)
        recalled_count = self._driver.restart(agent, recalled)
        assert recalled_count == len(recalled.bodies), "an agent did not take in what it was told"
        self.absent.discard(agent)
        for parcel in self._engine.post.inboxes[agent].back():
            # Whatever happened to the copy that the agent held, the log has the event.
            parcel.redelivery_count += 1
            body = DeliveryRedelivered(parcel.queue, parcel.redelivery_count, "agent restarted")
            self.commit(time_ns, SEQUENCER, body, Cause(parcel.seq, parcel.correlation_seq))


class _Progress:
    """One outage, from the fault to the agent's return."""

    def __init__(self, outages: Outages, outage: Outage) -> None:
        self._outages = outages
        self._outage = outage
        self._cause = Cause(0, 0)

    def plan(self, engine: Engine) -> None:
        outage = self._outage
        engine.at(outage.frozen_ns, self._freeze)
        engine.at(outage.down_ns, self._end)
        for restart_ns in outage.failed_restarts_ns:
            engine.at(restart_ns, self._fail_to_start)
        if outage.gave_up:
            engine.at(max((outage.down_ns, *outage.failed_restarts_ns)), self._give_up)
        engine.at(outage.up_ns, self._bring_back)

    def _freeze(self, now_ns: int) -> None:
        outage = self._outage
        fault = FaultInjected(outage.rule, outage.kind, outage.agent, outage.up_ns - outage.frozen_ns)
        self._cause = self._outages.commit(now_ns, SEQUENCER, fault, None)
        self._outages.freeze(outage.agent)

    def _end(self, now_ns: int) -> None:
        self._crash(now_ns, REASONS[self._outage.kind])

    def _crash(self, now_ns: int, reason: str) -> None:
        agent = self._outage.agent
        self._outages.end(agent)
        self._outages.commit(now_ns, SEQUENCER, AgentCrashed(agent, reason), self._cause)

    def _fail_to_start(self, now_ns: int) -> None:
        agent = self._outage.agent
        self._outages.started(now_ns, agent, self._cause)
        if self._outage.kind == "amnesia":
            self._outages.start_anew(now_ns, agent, self._cause)
        else:
            self._crash(now_ns, "its process was killed as it started")

    def _give_up(self, now_ns: int) -> None:
        self._outages.give_up(now_ns, self._outage.agent, self._cause)

    def _bring_back(self, now_ns: int) -> None:
        self._outages.bring_back(now_ns, self._outage.agent, self._cause)
