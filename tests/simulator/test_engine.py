"""Engine: what is on the log, in which order, and that the windows do not shape it."""

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.runtime import RetryPolicy
from bus.bodies import (
    Body,
    DeliveryAcknowledged,
    DeliveryDeadLettered,
    DeliveryFailed,
    FeedbackGiven,
    LimitReached,
    MetricsSampled,
    RunFinished,
    TelemetryReceived,
)
from bus.events import Draft, Event
from bus.sequencer import ListLog
from simulator import inbox
from simulator.engine import STEPS_PER_ASK, Item
from simulator.moment import parse_moment_ns
from simulator.timetable import Timer
from tests.simulator.builders import BOOM, START_NS, Network, engine_of, events_of, items, json_of, run

steps = st.lists(
    st.tuples(st.integers(0, 300), st.sampled_from(["a", "bb", "ccc", BOOM, "long message"])), max_size=12
).map(lambda found: sorted(found, key=lambda step: step[0]))
MANY = items(*[(n * 3, f"m{n}") for n in range(40)])


def settled_counts(events: list[Event]) -> Counter[int]:
    """How often each delivered event was acknowledged or given up."""
    ends = DeliveryAcknowledged, DeliveryDeadLettered
    return Counter(
        e.causation_seq for e in events if isinstance(e.data, ends) and e.causation_seq is not None
    )


def test_a_message_goes_through_the_chain_and_every_step_is_on_the_log() -> None:
    events = run(Network(items((0, "m"))))
    assert [(e.type, e.source, e.causation_seq) for e in events[:6]] == [
        ("telemetry.received", "workload", None),
        ("truth.labelled", "workload", 1),
        ("delivery.acknowledged", "first", 1),
        ("task.completed", "first", 1),
        ("feedback.given", "first", 1),
        ("delivery.acknowledged", "second", 5),
    ]
    assert {event.correlation_seq for event in events} == {1}


@given(steps, st.integers(1, 4), st.tuples(*[st.integers(1, 60)] * 4))
@settings(max_examples=80)
def test_the_log_does_not_depend_on_how_much_is_handed_out_at_once(
    found: list[tuple[int, str]], depth_max: int, delays_ns: tuple[int, int, int, int]
) -> None:
    logs = []
    with pytest.MonkeyPatch.context() as patch:
        for window, batch in ((1, 1), (1, 512), (7, 2), (2048, 1), (2048, 512)):
            patch.setattr(inbox, "BATCH_DELIVERIES_MAX", batch)
            network = Network(
                items(*found), depth_max, delays_ns, window_deliveries_max=window, depths_interval_ns=35
            )
            logs.append(run(network))
    assert all(log == logs[0] for log in logs)


@given(steps, st.integers(1, 3))
@settings(max_examples=60)
def test_everything_delivered_is_acknowledged_or_given_up_exactly_once(
    found: list[tuple[int, str]], depth_max: int
) -> None:
    events = run(Network(items(*found), depth_max))
    delivered = [event.seq for event in events if event.queue is not None]
    assert settled_counts(events) == Counter(delivered)


@given(steps, st.integers(1, 3))
@settings(max_examples=60)
def test_time_never_goes_back_and_causes_come_first(found: list[tuple[int, str]], depth_max: int) -> None:
    events = run(Network(items(*found), depth_max))
    by_seq = {event.seq: event for event in events}
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [e.time_ns for e in events] == sorted(e.time_ns for e in events)
    for event in events:
        if event.causation_seq is not None:
            cause = by_seq[event.causation_seq]
            assert cause.seq < event.seq
            assert cause.correlation_seq == event.correlation_seq


@given(steps)
@settings(max_examples=40)
def test_an_agent_handles_one_delivery_at_a_time_after_its_arrival(found: list[tuple[int, str]]) -> None:
    events = run(Network(items(*found)))
    by_seq = {event.seq: event for event in events}
    free_ns = dict.fromkeys(("first", "second", "third"), 0)
    delays_ns = dict(zip(("in", "middle", "end", "back"), Network([]).delays_ns, strict=True))
    for event in events:
        receipt = event.data
        if isinstance(receipt, DeliveryAcknowledged | DeliveryFailed):
            assert event.causation_seq is not None
            assert receipt.arrived_ns == by_seq[event.causation_seq].time_ns + delays_ns[receipt.queue]
            assert receipt.started_ns >= max(receipt.arrived_ns, free_ns[event.source])
            assert receipt.finished_ns == event.time_ns >= receipt.started_ns + 10
            free_ns[event.source] = receipt.finished_ns


def test_a_full_queue_turns_what_comes_into_dead_letters_and_names_the_limit() -> None:
    events = run(Network(items(*[(0, f"m{n}") for n in range(6)]), depth_max=2))
    dead = [event for event in events if isinstance(event.data, DeliveryDeadLettered)]
    assert [event.causation_seq for event in dead] == [5, 9, 13, 17]
    assert {event.data for event in dead} == {
        DeliveryDeadLettered("in", 0, "the queue is full: 2 deliveries are pending", "queue_full")
    }
    for event in dead:
        assert events[event.seq].data == LimitReached("queue_depth_max", "in", 2)
        assert (event.source, event.time_ns) == ("sequencer", START_NS)


def test_a_delivery_that_an_agent_cannot_bear_fails_and_becomes_a_dead_letter() -> None:
    events = run(Network(items((0, BOOM)), retry=RetryPolicy(attempts_max=3, backoff_ns=100)))
    receipts = [e for e in events if isinstance(e.data, DeliveryFailed | DeliveryDeadLettered | LimitReached)]
    assert [e.type for e in receipts] == [
        "delivery.failed",
        "delivery.failed",
        "delivery.dead_lettered",
        "limit.reached",
    ]
    assert [e.time_ns - START_NS for e in receipts] == [15, 125, 335, 335]
    assert all(e.source == "first" and e.causation_seq == 1 for e in receipts)
    assert receipts[2].data == DeliveryDeadLettered(
        "in",
        3,
        "ValueError: first cannot bear boom",
        "attempts_max",
        arrived_ns=START_NS + 5,
        started_ns=START_NS + 325,
        finished_ns=START_NS + 335,
    )


def test_agents_go_on_after_a_dead_letter() -> None:
    events = run(Network(items((0, BOOM), (1, "fine"))))
    assert any(isinstance(e.data, FeedbackGiven) for e in events)
    assert sum(isinstance(e.data, DeliveryDeadLettered) for e in events) == 1


@pytest.mark.parametrize("window_deliveries_max", [1, 3, 2048])
def test_many_records_at_one_moment_come_to_an_end(window_deliveries_max: int) -> None:
    network = Network(items(*[(50, f"m{n}") for n in range(10)]), window_deliveries_max=window_deliveries_max)
    events = run(network)
    texts = [e.data.message for e in events if isinstance(e.data, TelemetryReceived)]
    assert texts == [f"m{n}" for n in range(10)]


def test_timers_act_at_their_interval_in_order_before_anything_else_until_the_end() -> None:
    log = ListLog()
    acted: list[tuple[str, int]] = []
    engine = engine_of(Network(items((0, "m"), (2000, "n")), end_ns=START_NS + 4001), log)

    def timer(name: str, interval_ns: int) -> Timer:
        def act(at_ns: int) -> None:
            acted.append((name, at_ns - START_NS))
            engine.record(at_ns, "sequencer", [Draft(MetricsSampled([]))])

        return Timer(interval_ns, act)

    engine.every(timer("slow", 2000), timer("fast", 1000))
    assert engine.run(lambda: False)
    assert acted == [
        ("slow", 0),
        ("fast", 0),
        ("fast", 1000),
        ("slow", 2000),
        ("fast", 2000),
        ("fast", 3000),
        ("slow", 4000),
        ("fast", 4000),
    ]
    events = events_of(log)
    at_2000 = [event.type for event in events if event.time_ns == START_NS + 2000]
    assert at_2000[:3] == ["metrics.sampled", "metrics.sampled", "telemetry.received"]


def test_a_timer_at_the_very_end_does_not_act() -> None:
    log = ListLog()
    acted: list[int] = []
    engine = engine_of(Network([], end_ns=START_NS + 200), log)
    engine.every(Timer(100, acted.append))
    assert engine.run(lambda: False)
    assert acted == [START_NS, START_NS + 100]


def test_timers_go_on_after_the_end_while_work_is_left() -> None:
    log = ListLog()
    acted: list[int] = []
    engine = engine_of(Network(items(*[(0, f"m{n}") for n in range(20)]), end_ns=START_NS + 2), log)
    engine.every(Timer(10, acted.append))
    assert engine.run(lambda: False)
    last_ns = events_of(log)[-1].time_ns
    assert acted == list(range(START_NS, last_ns + 1, 10))
    assert last_ns > engine.end_ns


def test_a_run_can_be_stopped_and_leaves_whole_commits() -> None:
    whole = ListLog()
    engine_of(Network(MANY), whole).run(lambda: False)
    log = ListLog()
    engine = engine_of(Network(MANY), log)
    for _ in range(20):
        engine.step()
    assert not engine.run(lambda: True)
    assert 0 < len(log.commits) < len(whole.commits)
    assert log.commits == whole.commits[: len(log.commits)]


def test_stop_is_asked_often() -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return False

    log = ListLog()
    assert engine_of(Network(items(*[(n, f"m{n}") for n in range(300)])), log).run(stop)
    assert asked >= len(log.commits) // STEPS_PER_ASK


def test_a_run_without_workload_and_timers_is_done_at_once() -> None:
    log = ListLog()
    engine = engine_of(Network([]), log)
    assert engine.is_done
    assert engine.run(lambda: False)
    assert json_of(log) == []


def test_a_fact_can_be_recorded_by_hand() -> None:
    log = ListLog()
    engine = engine_of(Network([]), log)
    engine.record(START_NS, "sequencer", [Draft(RunFinished("completed"))])
    assert engine.event_count == 1
    assert events_of(log)[0].data == RunFinished("completed")


class Echoing:
    """Answers every feedback with a fact."""

    watches: tuple[type[Body], ...] = (FeedbackGiven,)

    def observe(self, event: Event) -> list[Draft]:
        return [Draft(RunFinished("failed", f"saw {event.seq}"))]


def test_a_monitors_answer_follows_what_it_saw_and_is_caused_by_it() -> None:
    events = run(Network(items((0, "m")), monitors=(Echoing(),)))
    seen = [event for event in events if isinstance(event.data, FeedbackGiven)]
    answers = [event for event in events if isinstance(event.data, RunFinished)]
    assert [answer.causation_seq for answer in answers] == [event.seq for event in seen]
    assert [answer.time_ns for answer in answers] == [event.time_ns for event in seen]


def test_a_workload_may_be_without_end_as_long_as_the_run_is_stopped() -> None:
    def endless() -> Iterator[Item]:
        number = 0
        while True:
            yield Item(START_NS + number, [Draft(TelemetryReceived(f"m{number}"), "in")])
            number += 1

    log = ListLog()
    engine = engine_of(Network(endless()), log)
    assert not engine.run(lambda: engine.event_count > 2_000)
    assert engine.event_count > 2_000


def test_a_run_in_the_last_year_that_is_taken_comes_to_its_end() -> None:
    last_ns = parse_moment_ns("2199-12-31T23:59:59Z") - START_NS
    events = run(Network(items((last_ns, "m"))))
    assert settled_counts(events) == Counter(event.seq for event in events if event.queue is not None)
    assert len(events) > 2
