"""Inbox: the order of arrivals, what may be handed out, and what is held back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.routing import UNREACHABLE_NS
from simulator import inbox as inbox_module
from simulator.inbox import BATCH_DELIVERIES_MAX, Inbox, Parcel
from tests.simulator.builders import delivery

SERVICE_NS = 10


def inbox(depth_max: int = 1000) -> Inbox:
    return Inbox(SERVICE_NS, {"telemetry_stream": depth_max, "feedback_queue": depth_max})


def put(box: Inbox, arrived_ns: int, ordinal: int = 0, *, seq: int = 0) -> Parcel:
    parcel = Parcel(delivery(arrived_ns - 5), "telemetry_stream")
    parcel.seq = seq
    box.put((arrived_ns, arrived_ns - 5, 1, ordinal, 0), parcel)
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
        box.put((10, 5, 1, ordinal, 0), Parcel(delivery(5), queue))
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
