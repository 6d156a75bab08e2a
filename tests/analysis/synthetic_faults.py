"""A small run in which something goes wrong in every way that the log can tell, and all is put right."""

from collections.abc import Sequence

import msgspec

from bus import bodies
from bus.bodies import Body, RuleCount
from bus.events import Event
from tests.analysis.synthetic import CLOUD_NANOUSD, CONSUMED, KINDS, SHA, Options, S, Story, Synthetic

LIMITS = {
    "queue_depth_max": {"telemetry_stream": 1},
    "budget_granted_nanousd": {"architect": 5 * CLOUD_NANOUSD, "executor": 0},
    "redeliveries_max": {"telemetry_stream": 2},
    "delivery_attempts_max": {"executor": 3},
    "input_nanousd_per_token": {"local": 0, "cloud": 0},
    "output_nanousd_per_token": {"local": 0, "cloud": CLOUD_NANOUSD // 400},
}
"""Of this run, as the invariants take them."""
BUDGET_NANOUSD = 7 * CLOUD_NANOUSD
RESTARTED = "agent restarted"
CONVERGE_NS = 3600 * S


def faulty_log() -> Synthetic:
    """Twenty intervals; the faults are in the first twelve, and heal then."""
    return Synthetic(Options(noise_per_event=1, budget_nanousd=BUDGET_NANOUSD), FaultyStory)


class FaultyStory(Story):
    """Each interval before the last has a fault of its own."""

    def __init__(self, log: Synthetic) -> None:
        super().__init__(log)
        self.fired: dict[tuple[str, str], int] = {}
        self.restarts = dict.fromkeys(CONSUMED, 0)
        self.acts = {
            1: self.lose_telemetry,
            2: self.copy_telemetry,
            3: self.crash_an_executor_at_work,
            4: self.forget_what_witness_knew,
            6: self.fail_once,
            8: self.fail_for_good,
            9: self.lose_for_good,
            11: self.fill_a_queue,
        }

    def interval(self, index: int) -> None:
        super().interval(index)
        if index == 12:
            self.say(self.log.events[-1].time_ns + S, bodies.FaultsHealed(CONVERGE_NS))

    def cycle(self, time_ns: int, index: int) -> None:
        super().cycle(time_ns, index)
        act = self.acts.get(index)
        if act is not None:
            act(time_ns + 120 * S)

    def end(self, end_ns: int) -> None:
        counts = [RuleCount(rule, kind, count) for (rule, kind), count in self.fired.items()]
        self.say(end_ns, bodies.FaultsCounted([*counts, RuleCount("never", "delay", 0)]))
        super().end(end_ns)
        self.resume()

    def resume(self) -> None:
        """As if the machine had gone in the middle of the last task that failed."""
        failed = self.log.of(bodies.DeliveryFailed)[-1]
        calls = [event for event in self.log.of(bodies.ModelCalled) if event.seq <= failed.commit_seq]
        spent_nanousd = sum(
            call.data.cost_nanousd for call in calls if isinstance(call.data, bodies.ModelCalled)
        )
        counts = {"execution_queue": 1, "feedback_queue": 0}
        self.log.observe(failed.time_ns, bodies.LogRecovered(7, "the last commit is not whole"))
        resumed = bodies.RunResumed(failed.commit_seq, counts, spent_nanousd, {"executor": SHA})
        self.log.observe(failed.time_ns, resumed)

    # -- what goes wrong --

    def lose_telemetry(self, time_ns: int) -> None:
        telemetry = self.telemetry(time_ns, "lost on its way", "none")
        self.fault(time_ns, "lost", "drop", "telemetry_stream", telemetry)
        self.send_again(time_ns + 30 * S, 1, telemetry)
        self.dismiss(telemetry, time_ns + 30 * S)

    def copy_telemetry(self, time_ns: int) -> None:
        telemetry = self.telemetry(time_ns, "comes twice", "none")
        self.fault(time_ns, "copied", "duplicate", "telemetry_stream", telemetry)
        self.dismiss(telemetry, time_ns)
        copy = bodies.DeliveryDeduplicated("telemetry_stream", time_ns + 2 * S, time_ns + 3 * S)
        self.log.commit(time_ns + 3 * S, "witness", [(copy, None)], telemetry)

    def crash_an_executor_at_work(self, time_ns: int) -> None:
        created = self.planned(time_ns, 3)
        at_ns = created.time_ns
        fault = self.fault(at_ns + 10 * S, "killed", "crash", "executor")
        self.say(at_ns + 10 * S, bodies.AgentCrashed("executor", "its process was killed"), fault)
        self.start(at_ns + 11 * S, "executor", fault)
        self.send_again(at_ns + 11 * S, 1, created, RESTARTED)
        self.executed(created, at_ns + 11 * S, 1)

    def forget_what_witness_knew(self, time_ns: int) -> None:
        fault = self.fault(time_ns, "amnesia", "amnesia", "witness")
        self.say(time_ns, bodies.AgentCrashed("witness", "its process was killed"), fault)
        self.start(time_ns + S, "witness", fault)
        self.say(time_ns + S, bodies.AgentRefused("witness", "it knows 0 of 3 events"), fault)
        self.start(time_ns + 3 * S, "witness", fault)

    def fail_once(self, time_ns: int) -> None:
        created = self.planned(time_ns, 6)
        self.failed(created, created.time_ns, 1)
        self.executed(created, created.time_ns + 3 * S, 2)

    def fail_for_good(self, time_ns: int) -> None:
        created = self.planned(time_ns, 8)
        at_ns = created.time_ns
        for attempt in (1, 2):
            self.failed(created, at_ns + (attempt - 1) * 4 * S, attempt)
        last = bodies.DeliveryDeadLettered(
            "execution_queue", 3, "no model answers", "attempts_max", at_ns, at_ns + 9 * S, at_ns + 10 * S
        )
        limit = bodies.LimitReached("delivery_attempts_max", "executor", 3)
        drafts = [(last, None), (self.call("delegate"), None), (limit, None)]
        self.log.commit(at_ns + 10 * S, "executor", drafts, created)

    def lose_for_good(self, time_ns: int) -> None:
        telemetry = self.telemetry(time_ns, "never arrives", "none")
        for number in range(3):
            self.fault(time_ns + number * 30 * S, "lost", "drop", "telemetry_stream", telemetry)
            if number < 2:
                self.send_again(time_ns + (number + 1) * 30 * S, number + 1, telemetry)
        given_up = bodies.DeliveryDeadLettered("telemetry_stream", 0, "nobody took it", "redeliveries_max")
        self.say(time_ns + 90 * S, given_up, telemetry)

    def fill_a_queue(self, time_ns: int) -> None:
        first = self.telemetry(time_ns, "fits", "none")
        second = self.telemetry(time_ns, "is too much", "none")
        refused = bodies.DeliveryDeadLettered("telemetry_stream", 0, "the queue is full", "queue_full")
        limit = bodies.LimitReached("queue_depth_max", "telemetry_stream", 1)
        self.log.commit(time_ns, "sequencer", [(refused, None), (limit, None)], second)
        self.dismiss(first, time_ns)

    # -- words of the story --

    def say(self, time_ns: int, body: Body, cause: Event | None = None) -> Event:
        return self.log.commit(time_ns, "sequencer", [(body, None)], cause)[0]

    def fault(self, time_ns: int, rule: str, kind: str, target: str, cause: Event | None = None) -> Event:
        self.fired[rule, kind] = self.fired.get((rule, kind), 0) + 1
        return self.say(time_ns, bodies.FaultInjected(rule, kind, target, S), cause)

    def send_again(self, time_ns: int, number: int, event: Event, reason: str = "") -> None:
        why = reason or f"nothing acknowledged it within {30 * number} s"
        self.say(time_ns, bodies.DeliveryRedelivered(event.queue or "", number, why), event)

    def start(self, time_ns: int, agent: str, cause: Event) -> None:
        self.restarts[agent] += 1
        body = bodies.AgentStarted(agent, CONSUMED[agent], self.restarts[agent])
        self.log.commit(time_ns, agent, [(body, None)], cause)

    def dismiss(self, telemetry: Event, arrived_ns: int) -> None:
        dismissed = bodies.TelemetryDismissed("none", 0.9, 0.0)
        self.handled("witness", telemetry, arrived_ns, arrived_ns + S, [(dismissed, None)])

    def planned(self, time_ns: int, index: int) -> Event:
        """Telemetry, pattern and task, at once."""
        kind = KINDS[index % len(KINDS)]
        telemetry = self.telemetry(time_ns, f"again {index}", kind)
        found = bodies.PatternDetected(kind, 0.9, 0.7, f"again {index}", "high", 0.8, None, ["fails"])
        detected = self.handled("witness", telemetry, time_ns, time_ns + S, [(found, "improvement_queue")])
        plan = self.call("plan")
        task = bodies.TaskCreated(kind, "fix", "high", "Q", "m", "local", "1. fix", f"again {index}", 0.9)
        drafts: list[tuple[Body, str | None]] = [(plan, None), (task, "execution_queue")]
        return self.handled("architect", detected, time_ns + S, time_ns + 2 * S, drafts)

    def failed(self, created: Event, started_ns: int, attempt: int) -> None:
        """One second of work that a model ends."""
        finished_ns = started_ns + S
        receipt = bodies.DeliveryFailed(
            "execution_queue", attempt, created.time_ns, started_ns, finished_ns, "no model answers"
        )
        call = msgspec.structs.replace(
            self.call("delegate"), status="error", error_type="rate_limited", output_tokens=0
        )
        fault = bodies.FaultInjected("limited", "rate_limit", "local", S)
        self.fired["limited", "rate_limit"] = self.fired.get(("limited", "rate_limit"), 0) + 1
        drafts: Sequence[tuple[Body, str | None]] = [(receipt, None), (call, None), (fault, None)]
        self.log.commit(finished_ns, "executor", drafts, created)

    def executed(self, created: Event, started_ns: int, attempt: int) -> None:
        """Twenty seconds of work that ends well, and the lesson."""
        task = created.data
        assert isinstance(task, bodies.TaskCreated)
        finished_ns = started_ns + 20 * S
        receipt = bodies.DeliveryAcknowledged(
            "execution_queue", attempt, created.time_ns, started_ns, finished_ns
        )
        drafts: list[tuple[Body, str | None]] = [
            (receipt, None),
            (self.call("delegate"), None),
            (bodies.TaskCompleted(task.kind, task.delegate, "done"), None),
            (bodies.FeedbackGiven(task.kind, True, task.message), "feedback_queue"),
        ]
        feedback = self.log.commit(finished_ns, "executor", drafts, created)[-1]
        learned = bodies.PatternLearned(f"p-{created.seq}", task.kind, task.message, True, 1, 0.8, 0.85)
        self.handled("witness", feedback, finished_ns, finished_ns + S, [(learned, None)])
