"""A small soak, not made by the simulator: every fact of it is known, and any can be broken."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from bus import bodies
from bus.bodies import Body, PatternKind, QueueDepth
from bus.codec import encode_event
from bus.events import Event
from store.log_writer import LogWriter
from store.run_folder import RunFolder
from tests.analysis.log_order import commits, renumbered

START_NS = 1_759_276_800_000_000_000
S = 1_000_000_000
HOUR = 3600 * S
KINDS: tuple[PatternKind, ...] = (
    "critical_error",
    "constitution_violation",
    "feature_request",
    "duplication",
    "flaky_test",
)
AGENTS = {"witness": "telemetry_stream", "architect": "improvement_queue", "executor": "execution_queue"}
QUEUES = (*AGENTS.values(), "feedback_queue")
CONSUMED = {**{agent: [queue] for agent, queue in AGENTS.items()}, "witness": [QUEUES[0], QUEUES[3]]}
CLOUD_NANOUSD = 60_000_000
SHA = "ab" * 32


class Options(NamedTuple):
    event_count: int = 20
    event_interval_ns: int = 1800 * S
    noise_per_event: int = 0
    """Telemetry that is nothing, dismissed, before each event."""
    labelled: bool = True
    budget_nanousd: int = 10 * S
    misses: tuple[int, ...] = (7,)
    """Indices of events that WITNESS dismisses although they are something."""
    heartbeat_interval_ns: int = 600 * S


class Synthetic:
    """Events in order, to be changed and then written. The parts of one commit share a ``commit_seq``."""

    def __init__(self, options: Options, story: "type[Story] | None" = None) -> None:
        self.options = options
        self.events: list[Event] = []
        self.observations: list[Event] = []
        self._spent_nanousd = 0
        (story or Story)(self).tell()

    def commit(
        self, time_ns: int, source: str, drafts: Sequence[tuple[Body, str | None]], cause: Event | None = None
    ) -> list[Event]:
        """Append one atomic commit."""
        first = len(self.events) + 1
        last = first + len(drafts) - 1
        for seq, (body, queue) in enumerate(drafts, first):
            # The members of a commit without a cause are caused by its first event, which is the telemetry.
            origin = cause or (self.events[first - 1] if seq > first else None)
            self.events.append(
                Event(
                    seq,
                    time_ns,
                    type(body).TYPE,
                    source,
                    queue,
                    origin.seq if origin else None,
                    origin.correlation_seq if origin else seq,
                    last,
                    body,
                )
            )
        return self.events[first - 1 :]

    def observe(self, time_ns: int, body: Body) -> None:
        seq = len(self.observations) + 1
        self.observations.append(
            Event(seq, time_ns, type(body).TYPE, "sequencer", None, None, seq, seq, body)
        )

    def spend(self, cost_nanousd: int) -> int:
        self._spent_nanousd += cost_nanousd
        return self._spent_nanousd

    def of(self, body: type[Body]) -> list[Event]:
        return [event for event in (*self.events, *self.observations) if isinstance(event.data, body)]

    def drop(self, *dropped: Event) -> None:
        gone = {id(event) for event in dropped}
        self.events = [event for event in self.events if id(event) not in gone]
        self.observations = [event for event in self.observations if id(event) not in gone]

    def change(self, event: Event, **fields: object) -> None:
        """Give a body other values."""
        self._swap(event, msgspec.structs.replace(event, data=msgspec.structs.replace(event.data, **fields)))

    def move(self, event: Event, **fields: object) -> None:
        """Give an envelope other values."""
        self._swap(event, msgspec.structs.replace(event, **fields))

    def change_all(self, body: type[Body], change: Callable[[Event], dict[str, object]]) -> None:
        for event in self.of(body):
            self.change(event, **change(event))

    def append(self, time_ns: int, source: str, body: Body, cause: Event | None = None) -> None:
        """Add one event before the last, which is run.finished."""
        end = self.events.pop()
        seq = end.seq
        caused_by, first = (cause.seq, cause.correlation_seq) if cause else (None, seq)
        self.events.append(Event(seq, time_ns, type(body).TYPE, source, None, caused_by, first, seq, body))
        self.events.append(
            msgspec.structs.replace(end, seq=seq + 1, correlation_seq=seq + 1, commit_seq=seq + 1)
        )

    def recount_queues(self) -> None:
        """Make every sample of the metrics say what the events say, as the bus does."""
        depths = dict.fromkeys(QUEUES, 0)
        peaks = dict(depths)
        for event in list(self.events):
            if event.queue:
                depths[event.queue] += 1
                peaks[event.queue] = max(peaks[event.queue], depths[event.queue])
            elif isinstance(event.data, bodies.DeliveryAcknowledged | bodies.DeliveryDeadLettered):
                depths[event.data.queue] -= 1
            elif isinstance(event.data, bodies.MetricsSampled):
                self.change(event, queue_depths=[QueueDepth(q, depths[q], peaks[q]) for q in QUEUES])
                peaks = dict(depths)

    def recount_agents(self) -> None:
        """Make every heartbeat and last word say what the receipts before it say, as the bus does."""
        queue_of: dict[int, str] = {}
        handled, busy_ns = dict.fromkeys(AGENTS, 0), dict.fromkeys(AGENTS, 0)
        for event in list(self.events):
            body = event.data
            if event.queue:
                queue_of[event.seq] = event.queue
            elif isinstance(body, bodies.DeliveryDeadLettered):
                queue_of.pop(event.causation_seq or 0)
            elif isinstance(body, bodies.DeliveryAcknowledged):
                queue_of.pop(event.causation_seq or 0)
                handled[event.source] += 1
                busy_ns[event.source] += body.finished_ns - body.started_ns
            elif isinstance(body, bodies.AgentStopped):
                self.change(event, handled_count=handled[body.agent])
            elif isinstance(body, bodies.AgentHeartbeat):
                own = [queue for queue in queue_of.values() if queue in CONSUMED[body.agent]]
                said = handled[body.agent], busy_ns[body.agent], len(own)
                self.change(event, handled_count=said[0], busy_ns=said[1], pending_count=said[2])

    def write(self, folder: Path, *, close: bool = True) -> RunFolder:
        run = RunFolder.create(folder)
        for path, events in ((run.events, self.events), (run.observations, self.observations)):
            writer = LogWriter.create(path)
            for commit in commits(renumbered(events)):
                writer.append(commit[0].seq, [encode_event(event) for event in commit])
            if close:
                writer.close()
            else:
                writer.leave()
        return run

    def _swap(self, old: Event, new: Event) -> None:
        for events in (self.events, self.observations):
            for index, event in enumerate(events):
                if event is old:
                    events[index] = new


class Story:
    """What happens in the synthetic run, commit by commit."""

    def __init__(self, log: Synthetic) -> None:
        self.log = log
        self.options = log.options
        self.duration_ns = self.options.event_count * self.options.event_interval_ns

    def tell(self) -> None:
        options, log = self.options, self.log
        started = bodies.RunStarted(
            1, "soak", 1, START_NS, self.duration_ns, options.budget_nanousd, options.event_interval_ns,
            HOUR, 300 * S, options.heartbeat_interval_ns, SHA,
        )  # fmt: skip
        log.commit(START_NS, "sequencer", [(started, None)])
        for agent in AGENTS:
            log.commit(START_NS, agent, [(bodies.AgentStarted(agent, CONSUMED[agent]), None)])
            log.observe(START_NS, bodies.ProcessStarted(agent, 100 + len(agent)))
        for index in range(options.event_count):
            self.interval(index)
        end_ns = START_NS + self.duration_ns
        self.sample_queues(end_ns)
        for agent in AGENTS:
            patterns = 8 if agent == "witness" else 0
            log.commit(end_ns, agent, [(bodies.AgentStopped(agent, 0, SHA, patterns), None)])
            log.observe(end_ns, bodies.StateRebuilt(agent, SHA, patterns))
            log.observe(end_ns, bodies.ProcessExited(agent, 100 + len(agent), 0))
        self.end(end_ns)
        log.recount_queues()
        log.recount_agents()

    def end(self, end_ns: int) -> None:
        self.log.commit(end_ns, "sequencer", [(bodies.RunFinished("completed"), None)])

    def interval(self, index: int) -> None:
        start_ns = START_NS + index * self.options.event_interval_ns
        self.beats(start_ns, start_ns + S)
        for number in range(self.options.noise_per_event):
            self.noise(start_ns + (number + 1) * S, number)
        self.cycle(start_ns + 60 * S, index)
        self.beats(start_ns + 300 * S, start_ns + self.options.event_interval_ns)

    def beats(self, from_ns: int, until_ns: int) -> None:
        """Heartbeats and metrics that are due."""
        log = self.log
        for time_ns in range(from_ns, until_ns, 300 * S):
            elapsed_ns = time_ns - START_NS
            self.sample_queues(time_ns)
            for agent in AGENTS:
                pid = 100 + len(agent)
                sample = bodies.ProcessSampled(
                    agent, pid, 60_000_000 + len(agent), elapsed_ns // 1000, 0, elapsed_ns // 10**6,
                    START_NS + elapsed_ns // 100,
                )  # fmt: skip
                log.observe(time_ns, sample)
                if elapsed_ns % self.options.heartbeat_interval_ns == 0:
                    beat = bodies.AgentHeartbeat(agent, 0, 0, 0)
                    log.commit(time_ns, "sequencer", [(beat, None)])

    def sample_queues(self, time_ns: int) -> None:
        """The depths are filled in at the end."""
        self.log.commit(time_ns, "sequencer", [(bodies.MetricsSampled([]), None)])

    def noise(self, time_ns: int, number: int) -> None:
        telemetry = self.telemetry(time_ns, f"job {number} finished", "none")
        dismissed = bodies.TelemetryDismissed("none", 0.9, 0.0)
        self.handled("witness", telemetry, time_ns, time_ns + S // 50, [(dismissed, None)])

    def cycle(self, time_ns: int, index: int) -> None:
        """One telemetry event and all that follows from it."""
        kind = KINDS[index % len(KINDS)]
        message = f"{kind} number {index} | <b>in</b> `payments`"
        telemetry = self.telemetry(time_ns, message, kind)
        decided_ns = time_ns + S // 2
        confidence = round(0.8 + 0.15 * index / self.options.event_count, 6)
        if index in self.options.misses:
            missed: list[tuple[Body, str | None]] = [(bodies.TelemetryDismissed(kind, 0.66, 0.7), None)]
            self.handled("witness", telemetry, time_ns, decided_ns, missed)
            return
        found = bodies.PatternDetected(kind, confidence, 0.7, message, "high", 0.8, None, ["fails"])
        detected = self.handled("witness", telemetry, time_ns, decided_ns, [(found, "improvement_queue")])
        planned_ns = decided_ns + 2 * S
        plan = self.call("plan", cloud=kind == "critical_error")
        task = bodies.TaskCreated(
            kind, "fix it", "high", "QualityEnforcer", "m", plan.tier, "1. fix", message, confidence
        )
        created = self.handled(
            "architect", detected, decided_ns, planned_ns, [(plan, None), (task, "execution_queue")]
        )
        self.execute(kind, message, created, planned_ns)

    def execute(self, kind: PatternKind, message: str, created: Event, planned_ns: int) -> None:
        done_ns = planned_ns + 90 * S
        outcome = bodies.TaskCompleted(kind, "QualityEnforcer", "done")
        feedback = self.handled(
            "executor",
            created,
            planned_ns,
            done_ns,
            [
                (self.call("delegate"), None),
                (msgspec.structs.replace(self.call("verify"), call_number=2), None),
                (outcome, None),
                (bodies.FeedbackGiven(kind, True, message), "feedback_queue"),
            ],
        )
        learned = bodies.PatternLearned(f"p-{kind}-{created.seq % 2}", kind, message, True, 1, 0.8, 0.85)
        self.handled("witness", feedback, done_ns, done_ns + S, [(learned, None)])

    def telemetry(self, time_ns: int, message: str, label: bodies.Label) -> Event:
        drafts: list[tuple[Body, str | None]] = [
            (bodies.TelemetryReceived(message, severity="high"), "telemetry_stream")
        ]
        if self.options.labelled:
            drafts.append((bodies.TruthLabelled(label), None))
        return self.log.commit(time_ns, "workload", drafts)[0]

    def handled(
        self,
        agent: str,
        cause: Event,
        arrived_ns: int,
        finished_ns: int,
        drafts: list[tuple[Body, str | None]],
    ) -> Event:
        """The commit of a handling, and the budget thresholds that it passed; returns its last event."""
        queue = cause.queue or ""
        receipt = bodies.DeliveryAcknowledged(queue, 1, arrived_ns, arrived_ns, finished_ns)
        committed = self.log.commit(finished_ns, agent, [(receipt, None), *drafts], cause)
        for event in committed:
            if isinstance(event.data, bodies.ModelCalled):
                self.settle(event, event.data.cost_nanousd)
        return committed[-1]

    def settle(self, call: Event, cost_nanousd: int) -> None:
        budget = self.options.budget_nanousd
        after = self.log.spend(cost_nanousd)
        for percent in (50, 75, 90, 100):
            if (after - cost_nanousd) * 100 < percent * budget <= after * 100:
                crossed = bodies.BudgetThresholdCrossed(percent, after, budget)
                self.log.commit(call.time_ns, "sequencer", [(crossed, None)], call)

    def call(self, operation_name: str, *, cloud: bool = False) -> bodies.ModelCalled:
        return bodies.ModelCalled(
            1,
            operation_name,
            "openai" if cloud else "ollama",
            "gpt-5" if cloud else "codestral-22b",
            "cloud" if cloud else "local",
            "ok",
            900,
            400,
            2 * S,
            100_000_000 if cloud else 0,
            CLOUD_NANOUSD if cloud else 0,
            SHA,
            "answer",
        )
