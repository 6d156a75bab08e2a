"""One run from its first event to its last: the log, the observations, and the proof that the log is enough.

Must not judge the run.
"""

import os
from collections.abc import Callable
from functools import partial

from msgspec import Struct

from agents.runtime import LEDGER_BODIES
from bus.bodies import (
    AgentCrashed,
    AgentHeartbeat,
    AgentStarted,
    Body,
    MetricsSampled,
    PhaseTimed,
    ProcessExited,
    ProcessStarted,
    QueueDepth,
    RunFinished,
    RunStarted,
    StateRebuilt,
)
from bus.codec import decode_body
from bus.events import Draft
from bus.sequencer import Sequencer
from simulator import compose
from simulator.clock import timed
from simulator.compose import Agents, Transport
from simulator.compose_agent import build_runtime
from simulator.engine import Engine, Timer
from simulator.errors import AgentDied
from simulator.observations import Observations, describe_host
from simulator.roles import AGENTS, ROLES
from simulator.sampler import Sampler
from simulator.scenario import Scenario
from store.log_reader import read_envelopes
from store.log_writer import LogWriter
from store.run_folder import RunFolder

FORMAT_VERSION = 1
SEQUENCER = "sequencer"


class Recorded(Struct, frozen=True):
    """What came of a run."""

    status: str
    """``completed``, ``interrupted`` or ``failed``."""
    reason: str
    digest: str
    event_count: int


class Watcher(Struct):
    """How whoever started a run follows it and ends it."""

    progress: Callable[[int, int], None]
    """Called with the bus time and the number of events, a few hundred times a run."""
    stop: Callable[[], bool]
    """Asked often; True ends the run as interrupted."""


class Recording:
    """A run being recorded into a new run folder."""

    def __init__(self, scenario: Scenario, folder: RunFolder, transport: Transport, watcher: Watcher) -> None:
        self._scenario = scenario
        self._folder = folder
        self._transport: Transport = transport
        self._watcher = watcher
        self.has_begun = False
        """Whether anything is on the log."""
        self._observations = Observations(folder.observations)

    def record(self) -> Recorded:
        """Run the scenario, close the log, and rebuild every agent from it.

        Raises:
            TrinityError: the run could not start; nothing of it is on the log but what is whole.
        """
        self._observations.note(0, [describe_host(self._transport)])
        with LogWriter.create(
            self._folder.events, segment_bytes_max=self._scenario.limits.segment_bytes
        ) as writer:
            sequencer = Sequencer(writer)
            with timed(partial(self._phase, "simulate")):
                finished = self._simulate(sequencer, writer)
            event_count = sequencer.last_seq
            digest = writer.close()
        with timed(partial(self._phase, "rebuild")):
            self._rebuild(sequencer.last_time_ns)
        self._observations.close()
        return Recorded(finished.status, finished.reason, digest, event_count)

    def _simulate(self, sequencer: Sequencer, writer: LogWriter) -> RunFinished:
        with compose.agents_of(self._scenario, self._transport) as agents:
            engine = compose.engine_of(self._scenario, sequencer, agents.driver)
            sample = self._begin(engine, agents, writer)
            try:
                finished = self._run(engine, agents, sample)
            except AgentDied as death:
                engine.record(
                    engine.clock.now_ns, SEQUENCER, [Draft(AgentCrashed(death.agent, death.reason))]
                )
                finished = RunFinished("failed", str(death))
            engine.record(engine.clock.now_ns, SEQUENCER, [Draft(finished)])
        return finished

    def _run(self, engine: Engine, agents: Agents, sample: Callable[[int], None]) -> RunFinished:
        def stop() -> bool:
            self._watcher.progress(engine.clock.now_ns, engine.event_count)
            return self._watcher.stop()

        if not engine.run(stop):
            # Agents were ahead of the log when the run ended, so what they know now is nobody's truth.
            return RunFinished("interrupted", "stopped from outside")
        engine.clock.advance(max(engine.clock.now_ns, engine.end_ns))
        now_ns = engine.clock.now_ns
        sample(now_ns)
        notes: list[Body] = []
        for word in agents.driver.stop():
            engine.record(now_ns, word.state.agent, [Draft(word.state)])
            if word.counted is not None:
                notes.append(word.counted)
        codes = agents.end()
        notes += [ProcessExited(agent, agents.pids[agent], code) for agent, code in codes.items()]
        self._observations.note(now_ns, notes)
        return RunFinished("completed")

    def _begin(self, engine: Engine, agents: Agents, writer: LogWriter) -> Callable[[int], None]:
        """Commit the first facts and set the timers; returns what takes a sample of the metrics."""
        scenario = self._scenario
        now_ns = scenario.start_ns
        pids = {SEQUENCER: os.getpid(), **agents.pids}
        self._observations.note(now_ns, [ProcessStarted(agent, pid) for agent, pid in pids.items()])
        self.has_begun = True
        engine.record(now_ns, SEQUENCER, [Draft(_started(scenario))])
        for agent, role in ROLES.items():
            engine.record(now_ns, agent, [Draft(AgentStarted(agent, list(role.consumes)))])
        sampler = Sampler(pids)

        def metrics(at_ns: int) -> None:
            depths = [QueueDepth(q.route.queue, q.depth, q.take_depth_max()) for q in engine.queues]
            engine.record(at_ns, SEQUENCER, [Draft(MetricsSampled(depths))])
            self._observations.note(at_ns, sampler.sample())
            writer.flush()
            self._observations.flush()

        def heartbeats(at_ns: int) -> None:
            for agent in AGENTS:
                engine.record(at_ns, SEQUENCER, [Draft(_heartbeat(engine, agent))])

        engine.every(
            Timer(scenario.intervals.metrics, metrics), Timer(scenario.intervals.heartbeat, heartbeats)
        )
        return metrics

    def _rebuild(self, now_ns: int) -> None:
        """Fold fresh agents from the log alone and note what they know, for a check to compare."""
        runtimes = {agent: build_runtime(compose.agent_settings(self._scenario, agent)) for agent in AGENTS}
        bodies: list[type[Body]] = list(LEDGER_BODIES)
        for role in ROLES.values():
            bodies.extend(role.folds)
        folded = {body.TYPE for body in bodies}
        for envelope in read_envelopes(self._folder.events):
            if envelope.type in folded and envelope.source in runtimes:
                runtimes[envelope.source].apply(decode_body(envelope.type, envelope.data))
        states = [runtime.stopped() for runtime in runtimes.values()]
        self._observations.note(
            now_ns, [StateRebuilt(s.agent, s.state_sha256, s.pattern_count) for s in states]
        )

    def _phase(self, phase: str, elapsed_ns: int) -> None:
        self._observations.note(0, [PhaseTimed(phase, elapsed_ns)])


def _started(scenario: Scenario) -> RunStarted:
    return RunStarted(
        format_version=FORMAT_VERSION,
        scenario=scenario.name,
        seed=scenario.seed,
        start_ns=scenario.start_ns,
        duration_ns=int(scenario.duration),
        budget_nanousd=scenario.budget.total_nanousd,
        event_interval_ns=int(scenario.workload.event_interval),
        snapshot_interval_ns=int(scenario.intervals.snapshot),
        metrics_interval_ns=int(scenario.intervals.metrics),
        heartbeat_interval_ns=int(scenario.intervals.heartbeat),
        scenario_sha256=scenario.sha256(),
    )


def _heartbeat(engine: Engine, agent: str) -> AgentHeartbeat:
    queues = engine.queues.of_consumer(agent)
    return AgentHeartbeat(
        agent=agent,
        handled_count=sum(queue.acknowledged_count for queue in queues),
        busy_ns=sum(queue.busy_ns for queue in queues),
        pending_count=sum(queue.depth for queue in queues),
    )
