"""One life of the sequencer: from the first event, or from where a log ends, to the end of the run.

Must not open or close the log, and must not know why the one before ended.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice, takewhile
from typing import Protocol

from msgspec import Struct

from bus.bodies import (
    AgentCrashed,
    AgentHeartbeat,
    AgentStarted,
    Body,
    FaultsHealed,
    MetricsSampled,
    ProcessExited,
    ProcessStarted,
    QueueDepth,
    RunFinished,
    RunResumed,
    RunStarted,
)
from bus.events import Draft, Event, Recalled
from bus.keys import SEQUENCER
from bus.permissions import Permissions
from bus.sequencer import Log, Sequencer
from bus.upcasters import SCHEMA_VERSION
from simulator import compose
from simulator.compose import Agents
from simulator.drivers.driver import Driver
from simulator.engine import Engine, Monitor
from simulator.errors import AgentDied
from simulator.importing import imports_of
from simulator.monitors import FaultMonitor, SpendingMonitor, StateMonitor
from simulator.outages import Outages
from simulator.recollection import Recollection
from simulator.resuming import ComparedLog, RecordedHandlings, ResumingDriver
from simulator.roles import AGENTS, ROLES
from simulator.sampler import Sampler
from simulator.scenario import Scenario
from simulator.store_outages import StoreOutages
from simulator.timetable import Timer
from store.chain import COMMIT_EVENTS_MAX
from store.faulty_disk import FaultyDisk
from store.log_reader import read_events, read_lines
from store.run_folder import RunFolder

FORMAT_VERSION = 1
PERMISSIONS = Permissions()


class Outcome(Struct, frozen=True):
    status: str
    """``completed``, ``interrupted`` or ``failed``."""
    reason: str
    event_count: int
    last_time_ns: int
    is_recorded: bool = True
    """Whether the log says so too. Not if the run was stopped before it had caught up with its log."""


class Watcher(Struct):
    """How whoever started a run follows it and ends it."""

    progress: Callable[[int, int], None]
    """Called with the bus time and the number of events, a few hundred times a run."""
    stop: Callable[[], bool]
    """Asked often; True ends the run as interrupted."""
    begun: Callable[[], None] = lambda: None
    """Called once, when the log is open and nothing speaks against the run."""


class EventLog(Log, Protocol):
    """What an incarnation needs of the log that it writes."""

    @property
    def last_seq(self) -> int:
        """Of the last event that was appended."""

    def flush(self) -> None:
        """Let readers see all that was appended."""


class Notes(Protocol):
    """What it needs of the log of what is not repeatable."""

    def note(self, time_ns: int, bodies: Sequence[Body]) -> None: ...
    def flush(self) -> None: ...


class Incarnation:
    """Everything that lives no longer than the process of the sequencer, put together.

    ``writer`` may have events already: then the run is taken up again behind them. ``is_written``: derived
    files may be put into the folder.
    """

    def __init__(
        self,
        scenario: Scenario,
        folder: RunFolder,
        writer: EventLog,
        disk: FaultyDisk,
        observations: Notes,
        *,
        is_written: bool = False,
    ) -> None:
        self._scenario = scenario
        self._folder = folder.events
        self._writer = writer
        self._disk = disk
        self._observations = observations
        self._resumed_seq = writer.last_seq
        lines = islice(read_lines(self._folder), self._resumed_seq)
        self._log = ComparedLog(lines, self._resumed_seq, writer, self._note_resumed)
        # Where nothing is to be compared, what would compare it is not asked a hundred thousand times.
        self._sequencer = Sequencer(self._log if self._resumed_seq else writer, PERMISSIONS.check)
        self._imports = imports_of(scenario, folder, is_written=is_written).bodies
        self._recollection = Recollection(self._history, self._imports)
        self._states, self._spending = StateMonitor(), SpendingMonitor()
        self._faults = FaultMonitor(compose.rules_of(scenario))
        self._agents: Agents
        self._engine: Engine | None = None

    def recalled(self, agent: str) -> Recalled:
        """What an agent is told when it starts: what the log says, and what it did that is not there yet."""
        if self._engine is None:
            return self._recollection.recalled(agent)
        return self._recollection.recalled(agent, partial(self._engine.undone, agent))

    def live(self, agents: Agents, watcher: Watcher) -> Outcome:
        """Go on to the end of the run.

        Raises:
            WriteFailed: the disk under the log refused.
            ResumeDiverged: the engine would have written something else than what is on the log.
            AgentDied: an agent died too often before the run had caught up with its log.
        """
        self._agents = agents
        driver = self._driver(agents)
        monitors: list[Monitor] = [self._states, self._spending, self._faults]
        engine = compose.engine_of(self._scenario, self._sequencer, driver, monitors)
        self._engine = engine
        outages = Outages(
            engine, driver, self.recalled, self._states.count, self._scenario.supervision.restarts_max
        )
        self._plan(engine, outages)
        sample = self._begin(engine, outages)
        try:
            finished = self._run(engine, driver, sample, watcher)
        except AgentDied as death:
            if self._log.is_catching_up:
                raise  # nothing was done yet that the log would have to say; it can be taken up again
            crashed = AgentCrashed(death.agent, death.reason)
            engine.record(engine.clock.now_ns, SEQUENCER, [Draft(crashed)])
            finished = RunFinished("failed", str(death))
        # The end may be all that the log still lacks, or be there already.
        is_recorded = finished.status != "interrupted" or not self._log.is_catching_up
        if is_recorded:
            engine.record(engine.clock.now_ns, SEQUENCER, [Draft(finished)])
        self._observations.note(engine.clock.now_ns, agents.notes())
        return Outcome(
            finished.status, finished.reason, engine.event_count, self._sequencer.last_time_ns, is_recorded
        )

    def _driver(self, agents: Agents) -> Driver:
        if not self._resumed_seq:
            return agents.driver
        events = takewhile(lambda event: event.seq <= self._resumed_seq, read_events(self._folder))
        return ResumingDriver(
            RecordedHandlings(events),
            agents.driver,
            lambda: self._log.is_catching_up,
            lambda: self._sequencer.last_seq,
        )

    def _plan(self, engine: Engine, outages: Outages) -> None:
        """Put all into the timetable that the rules of the scenario make happen."""
        scenario = self._scenario
        outages.plan(compose.outages_of(scenario))
        StoreOutages(engine, self._disk, self._writer.flush).plan(
            compose.store_faults_of(scenario), lambda: self._log.is_catching_up
        )
        if compose.rules_of(scenario) and scenario.heal_ns is not None:
            healed = FaultsHealed(int(scenario.faults.converge_within))
            engine.at(scenario.heal_ns, lambda now_ns: _record(engine, now_ns, healed))

    def _begin(self, engine: Engine, outages: Outages) -> Callable[[int], None]:
        """Commit the first facts and set the timers; returns what takes a sample of the metrics."""
        scenario = self._scenario
        now_ns = scenario.start_ns
        pids = {SEQUENCER: os.getpid()}
        self._observations.note(now_ns, [ProcessStarted(SEQUENCER, os.getpid()), *self._agents.notes()])
        self._record_beginning(engine, now_ns)
        for agent, role in ROLES.items():
            engine.record(now_ns, agent, [Draft(AgentStarted(agent, list(role.consumes)))])
        sampler = Sampler(lambda: {**pids, **self._agents.pids()})

        def metrics(at_ns: int) -> None:
            depths = [QueueDepth(q.route.queue, q.depth, q.take_depth_max()) for q in engine.queues]
            engine.record(at_ns, SEQUENCER, [Draft(MetricsSampled(depths))])
            if not self._log.is_catching_up:
                self._observations.note(at_ns, [*self._agents.notes(), *sampler.sample()])
                self._writer.flush()
                self._observations.flush()

        def heartbeats(at_ns: int) -> None:
            for agent in AGENTS:
                if agent not in outages.absent:
                    engine.record(at_ns, SEQUENCER, [Draft(_heartbeat(engine, agent))])

        engine.every(
            Timer(scenario.intervals.metrics, metrics), Timer(scenario.intervals.heartbeat, heartbeats)
        )
        return metrics

    def _record_beginning(self, engine: Engine, now_ns: int) -> None:
        """That the run begins and what with: one commit, unless that would be too long."""
        facts = [Draft(_started(self._scenario)), *map(Draft, self._imports)]
        for start in range(0, len(facts), COMMIT_EVENTS_MAX):
            engine.record(now_ns, SEQUENCER, facts[start : start + COMMIT_EVENTS_MAX])

    def _run(
        self, engine: Engine, driver: Driver, sample: Callable[[int], None], watcher: Watcher
    ) -> RunFinished:
        def stop() -> bool:
            watcher.progress(engine.clock.now_ns, engine.event_count)
            return watcher.stop()

        if not engine.run(stop):
            # Agents were ahead of the log when the run ended, so what they know now is nobody's truth.
            return RunFinished("interrupted", "stopped from outside")
        engine.clock.advance(max(engine.clock.now_ns, engine.end_ns))
        now_ns = engine.clock.now_ns
        sample(now_ns)
        notes: list[Body] = []
        for word in driver.stop():
            engine.record(now_ns, word.state.agent, [Draft(word.state)])
            if word.counted is not None:
                notes.append(word.counted)
        pids = self._agents.pids()
        codes = self._agents.end()
        notes += [ProcessExited(agent, pids[agent], code) for agent, code in codes.items()]
        self._observations.note(now_ns, notes)
        counted = self._faults.counted()
        if counted.rules:
            engine.record(now_ns, SEQUENCER, [Draft(counted)])
        return RunFinished("completed")

    def _history(self, from_seq: int) -> Iterator[Event]:
        """What is on the log from an event on, with all that is committed."""
        if not self._log.is_catching_up:
            self._writer.flush()
        last_seq = self._writer.last_seq
        if last_seq < from_seq:
            return iter(())
        return takewhile(lambda event: event.seq <= last_seq, read_events(self._folder, from_seq))

    def _note_resumed(self) -> None:
        """The engine has caught up with the log: what it and the agents know is what they knew."""
        assert self._engine is not None
        resumed = RunResumed(
            after_seq=self._resumed_seq,
            pending_counts={queue.route.queue: queue.depth for queue in self._engine.queues},
            spent_nanousd=self._spending.spent_nanousd,
            states=self._agents.states,
        )
        self._observations.note(self._engine.clock.now_ns, [resumed])


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
        schema_version=SCHEMA_VERSION,
    )


def _heartbeat(engine: Engine, agent: str) -> AgentHeartbeat:
    queues = engine.queues.of_consumer(agent)
    return AgentHeartbeat(
        agent=agent,
        handled_count=sum(queue.acknowledged_count for queue in queues),
        busy_ns=sum(queue.busy_ns for queue in queues),
        pending_count=sum(queue.depth for queue in queues),
    )


def _record(engine: Engine, now_ns: int, body: Body) -> None:
    engine.record(now_ns, SEQUENCER, [Draft(body)])
