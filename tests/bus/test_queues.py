"""Queues: a fold over the log that keeps count and refuses what cannot be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.bodies import Body, DeliveryAcknowledged, DeliveryDeadLettered, DeliveryFailed, TelemetryReceived
from bus.errors import ProtocolError
from bus.events import Event
from bus.queues import Queue, Queues
from bus.routing import Route, Routes

ROUTE = Route("telemetry_stream", "witness", 5, 3)
OTHER = Route("feedback_queue", "witness", 5, 3)
FAR = Route("improvement_queue", "architect", 5, 3)


def queues() -> Queues:
    return Queues(Routes([ROUTE, OTHER, FAR]))


def event(seq: int, body: Body, *, queue: str | None = None, cause: int | None = None) -> Event:
    return Event(seq, seq, body.TYPE, "someone", queue, cause, 1, seq, body)


def published(seq: int, queue: str = ROUTE.queue) -> Event:
    return event(seq, TelemetryReceived("m"), queue=queue)


def acknowledged(seq: int, cause: int, queue: str = ROUTE.queue) -> Event:
    return event(seq, DeliveryAcknowledged(queue, 1, 10, 20, 27), cause=cause)


def failed(seq: int, cause: int) -> Event:
    return event(seq, DeliveryFailed(ROUTE.queue, 1, 10, 20, 27, "no"), cause=cause)


def dead(seq: int, cause: int) -> Event:
    return event(seq, DeliveryDeadLettered(ROUTE.queue, 3, "no", "attempts_max"), cause=cause)


def test_a_published_event_is_pending_until_it_is_acknowledged() -> None:
    fold = queues()
    fold.apply(published(1))
    depths = {queue.route.queue: queue.depth for queue in fold}
    assert depths == {"telemetry_stream": 1, "feedback_queue": 0, "improvement_queue": 0}
    fold.apply(acknowledged(2, 1))
    queue = fold.queue("telemetry_stream")
    assert (queue.depth, queue.acknowledged_count, queue.busy_ns) == (0, 1, 7)


def test_a_second_acknowledgement_is_refused_and_changes_nothing() -> None:
    fold = queues()
    fold.apply(published(1))
    fold.apply(acknowledged(2, 1))
    with pytest.raises(ProtocolError, match="event 1 is not pending on 'telemetry_stream'"):
        fold.apply(acknowledged(3, 1))
    assert fold.queue("telemetry_stream").acknowledged_count == 1


def test_what_was_never_published_cannot_be_acknowledged_failed_or_given_up() -> None:
    for body in (acknowledged(2, 1), failed(2, 1), dead(2, 1)):
        with pytest.raises(ProtocolError, match="not pending"):
            queues().apply(body)


def test_an_acknowledgement_on_the_wrong_queue_is_refused() -> None:
    fold = queues()
    fold.apply(published(1))
    with pytest.raises(ProtocolError, match="not pending on 'feedback_queue'"):
        fold.apply(acknowledged(2, 1, OTHER.queue))


def test_a_failed_attempt_leaves_the_delivery_pending_and_is_counted() -> None:
    fold = queues()
    fold.apply(published(1))
    fold.apply(failed(2, 1))
    fold.apply(failed(3, 1))
    queue = fold.queue("telemetry_stream")
    assert (queue.depth, queue.attempt_count(1)) == (1, 2)


def test_a_dead_letter_leaves_the_queue_and_is_counted_apart() -> None:
    fold = queues()
    fold.apply(published(1))
    fold.apply(dead(2, 1))
    queue = fold.queue("telemetry_stream")
    assert (queue.depth, queue.dead_letter_count, queue.acknowledged_count) == (0, 1, 0)
    with pytest.raises(ProtocolError):
        fold.apply(acknowledged(3, 1))


def test_the_greatest_depth_is_never_beyond_the_bound_and_starts_again_when_asked() -> None:
    queue = Queue(ROUTE)
    for seq in range(1, ROUTE.depth_max + 2):
        queue.publish(seq)
    queue.dead_letter(ROUTE.depth_max + 1)
    queue.acknowledge(1, 5)
    assert queue.take_depth_max() == ROUTE.depth_max
    assert queue.take_depth_max() == ROUTE.depth_max - 1 == queue.depth


def test_an_unknown_queue_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(ProtocolError, match="'nowhere'; this run has telemetry_stream, feedback_queue"):
        queues().apply(published(1, "nowhere"))


def test_a_consumer_owns_all_queues_routed_to_it() -> None:
    assert [queue.route for queue in queues().of_consumer("witness")] == [ROUTE, OTHER]
    assert queues().of_consumer("nobody") == []


@given(st.lists(st.sampled_from(["publish", "acknowledge", "fail", "die"]), max_size=60), st.data())
def test_every_publication_is_pending_acknowledged_or_dead(acts: list[str], data: st.DataObject) -> None:
    fold = queues()
    pending: dict[int, int] = {}
    ended = {"acknowledge": 0, "die": 0}
    for seq, act in enumerate(acts, 1):
        if act == "publish" or not pending:
            fold.apply(published(seq))
            pending[seq] = 0
            continue
        cause = data.draw(st.sampled_from(sorted(pending)))
        if act == "fail":
            fold.apply(failed(seq, cause))
            pending[cause] += 1
        else:
            fold.apply(acknowledged(seq, cause) if act == "acknowledge" else dead(seq, cause))
            del pending[cause]
            ended[act] += 1
    queue = fold.queue(ROUTE.queue)
    assert queue.depth == len(pending)
    assert {seq: queue.attempt_count(seq) for seq in pending} == pending
    assert (queue.acknowledged_count, queue.dead_letter_count) == (ended["acknowledge"], ended["die"])
    assert queue.busy_ns == 7 * ended["acknowledge"]
