"""Inbox: the order of arrivals, what may be handed out, and what is held back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.runtime import DEDUPLICATION_NS
from bus.routing import UNREACHABLE_NS
from simulator import inbox as inbox_module
from simulator.faults.outage import Outage
from simulator.inbox import BATCH_DELIVERIES_MAX, Inbox, Parcel
from tests.simulator.builders import delivery

SERVICE_NS = 2 * DEDUPLICATION_NS


def inbox(depth_max: int = 1000) -> Inbox:
    return Inbox(SERVICE_NS, {"telemetry_stream": depth_max, "feedback_queue": depth_max})


def put(box: Inbox, arrived_ns: int, ordinal: int = 0, *, seq: int = 0) -> Parcel:
    key = (arrived_ns, arrived_ns - 5, 1, ordinal, 0, 0)
    parcel = Parcel(key, delivery(arrived_ns - 5), "telemetry_stream", seq)
    box.expect("telemetry_stream")
    box.put(parcel)
    return parcel


def arrivals(box: Inbox, bound_ns: int) -> list[int]:
    return [delivery.arrived_ns for delivery in box.take(bound_ns)]


@given(st.lists(st.integers(5, 100), max_size=30), st.integers(0, 120))
def test_exactly_what_arrives_before_the_bound_is_handed_out_in_order(
    times: list[int], bound_ns: int
) -> None:
    box = inbox()
    for ordinal, arrived_ns in enumerate(times):
        put(box, arrived_ns, ordinal)
    assert arrivals(box, bound_ns) == sorted(t for t in times if t < bound_ns)
    assert arrivals(box, bound_ns) == []
    assert arrivals(box, UNREACHABLE_NS) == sorted(t for t in times if t >= bound_ns)


def test_arrivals_at_one_moment_keep_the_order_of_their_commits() -> None:
    box = inbox()
    parcels = [put(box, 50, ordinal) for ordinal in (3, 1, 2)]
    assert box.take(51) == [parcels[1].delivery, parcels[2].delivery, parcels[0].delivery]


def test_no_batch_is_longer_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "BATCH_DELIVERIES_MAX", 3)
    box = inbox()
    for number in range(8):
        put(box, 10 + number)
    assert [len(box.take(100)) for _ in range(4)] == [3, 3, 2, 0]
    assert BATCH_DELIVERIES_MAX >= 100


def test_a_batch_is_in_flight_until_every_delivery_is_resolved() -> None:
    box = inbox()
    first, second = put(box, 10), put(box, 20)
    assert not box.is_busy
    box.take(100)
    assert box.is_busy
    assert box.resolve(35) is first
    assert box.is_busy
    assert box.resolve(60) is second
    assert (box.is_busy, box.free_ns) == (False, 60)


def test_the_earliest_finish_waits_for_the_arrival_and_for_the_agent() -> None:
    box = inbox()
    assert box.earliest_finish_ns() == UNREACHABLE_NS
    put(box, 100)
    assert box.earliest_finish_ns() == 100 + SERVICE_NS
    box.take(1000)
    assert box.earliest_finish_ns() == 100 + SERVICE_NS
    box.resolve(500)
    assert box.earliest_finish_ns() == UNREACHABLE_NS
    put(box, 120)
    assert box.earliest_finish_ns() == 500 + SERVICE_NS


def test_a_delivery_whose_queue_may_be_full_is_held_back_until_it_is_on_the_log() -> None:
    box = inbox(depth_max=2)
    parcels = [put(box, arrived_ns) for arrived_ns in (10, 20, 30)]
    assert box.take(100) == []
    for seq, parcel in enumerate(parcels, 1):
        parcel.seq = seq
    assert len(box.take(100)) == 3


def test_a_delivery_is_let_go_when_enough_others_are_settled() -> None:
    box = inbox(depth_max=1)
    put(box, 10, seq=1)
    put(box, 20)
    assert arrivals(box, 100) == [10]
    box.settled("telemetry_stream")
    assert arrivals(box, 100) == [20]


def test_one_queue_that_is_full_does_not_count_against_another() -> None:
    box = Inbox(SERVICE_NS, {"telemetry_stream": 1, "feedback_queue": 1})
    for ordinal, queue in enumerate(("telemetry_stream", "feedback_queue")):
        box.expect(queue)
        box.put(Parcel((10, 5, 1, ordinal, 0, 0), delivery(5), queue))
    assert arrivals(box, 100) == [10, 10]


def test_a_refused_delivery_is_never_handed_out_and_holds_nothing_up() -> None:
    box = inbox()
    refused, accepted = put(box, 10), put(box, 20)
    refused.accepted = False
    assert box.earliest_finish_ns() == 20 + SERVICE_NS
    assert box.take(100) == [accepted.delivery]


def test_a_refused_delivery_between_others_is_passed_over() -> None:
    box = inbox()
    parcels = [put(box, arrived_ns) for arrived_ns in (10, 20, 30)]
    parcels[1].accepted = False
    assert arrivals(box, 100) == [10, 30]


def test_behind_an_event_that_may_be_refused_a_copy_may_be_done_sooner() -> None:
    box = inbox(depth_max=1)
    original = put(box, 10, seq=1)
    box.take(11)
    box.resolve(20)
    put(box, 30)  # the queue is full if the first one is not settled before this is committed
    copy = Parcel((31, 25, 1, 0, 0, 1), delivery(26), "telemetry_stream", original=original)
    box.put(copy)
    assert box.earliest_finish_ns() == 30 + DEDUPLICATION_NS
    box.settled("telemetry_stream")
    assert box.earliest_finish_ns() == 30 + SERVICE_NS


MS = DEDUPLICATION_NS


def away(frozen_ns: int, up_ns: int) -> Outage:
    return Outage("r", "crash", "witness", frozen_ns, frozen_ns, (), up_ns)


def test_what_could_not_be_answered_before_an_outage_waits_until_the_agent_is_back() -> None:
    box = Inbox(SERVICE_NS, {"telemetry_stream": 9}, [away(100 * MS, 150 * MS)])
    first, second = put(box, 80 * MS, 0, seq=1), put(box, 95 * MS, 1, seq=2)
    assert box.earliest_finish_ns() == 80 * MS + SERVICE_NS
    assert box.take(200 * MS) == [first.delivery, second.delivery]
    assert not box.is_lost(99 * MS)
    assert box.is_lost(100 * MS)
    box.resolve(90 * MS)
    box.lose()
    assert not box.is_busy
    assert box.take(200 * MS) == []
    assert box.earliest_finish_ns() == 150 * MS + SERVICE_NS
    late = put(box, 120 * MS, 2, seq=3)
    assert box.back() == [second]
    assert box.free_ns == 150 * MS
    assert box.take(200 * MS) == [second.delivery, late.delivery]


def test_of_a_delivery_that_failed_the_attempts_are_counted_over_an_outage() -> None:
    box = Inbox(SERVICE_NS, {"telemetry_stream": 9}, [away(100 * MS, 150 * MS)])
    put(box, 80 * MS, seq=1)
    box.take(200 * MS)
    box.failed(95 * MS)
    box.lose()
    box.back()
    assert [one.attempt_count for one in box.take(200 * MS)] == [1]
