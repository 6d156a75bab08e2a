"""Keys: the causal path of every delivery comes out of the log alone, as whoever decided it named it."""

from collections.abc import Sequence

import pytest

from bus import keys
from bus.bodies import (
    Body,
    DeliveryAcknowledged,
    DeliveryDeadLettered,
    DeliveryDeduplicated,
    DeliveryFailed,
    FeedbackGiven,
    LimitReached,
    TelemetryReceived,
    TruthLabelled,
)
from bus.codec import decode_event, seal_line
from bus.events import Draft, Event
from bus.keys import Keys
from bus.sequencer import Cause, ListLog, Sequencer

Q = "in"
ACKNOWLEDGED = DeliveryAcknowledged(Q, 1, 1, 1, 2)
FAILED = DeliveryFailed(Q, 1, 1, 1, 2, "no")
DEAD = DeliveryDeadLettered(Q, 3, "no", "attempts_max", 1, 1, 2)
COPY = DeliveryDeduplicated(Q, 1, 2)


class Story:
    """Commits one after another, and the keys after each."""

    def __init__(self) -> None:
        self._log = ListLog()
        self._sequencer = Sequencer(self._log)
        self.keys = Keys()

    def workload(self, *drafts: Draft) -> list[Event]:
        return self._commit("workload", drafts, None)

    def handled(self, seq: int, *drafts: Draft | Body, source: str = "agent") -> list[Event]:
        as_drafts = [draft if isinstance(draft, Draft) else Draft(draft) for draft in drafts]
        return self._commit(source, as_drafts, Cause(seq, 1))

    def _commit(self, source: str, drafts: Sequence[Draft], cause: Cause | None) -> list[Event]:
        events = self._sequencer.commit(1, source, drafts, cause)
        for line in self._log.commits[-1]:
            self.keys.apply(decode_event(seal_line(line, 0).line))
        return events


def telemetry() -> Draft:
    return Draft(TelemetryReceived("x"), Q)


def feedback() -> Draft:
    return Draft(FeedbackGiven("duplication", True, "x"), Q)


def test_events_of_the_workload_are_numbered_by_commit_and_by_place() -> None:
    story = Story()
    (first, *_), (second, third) = story.workload(telemetry()), story.workload(telemetry(), telemetry())
    assert [story.keys.key(event.seq) for event in (first, second, third)] == [
        "workload-1.0",
        "workload-2.0",
        "workload-2.1",
    ]
    assert story.keys.workload_count == 2


def test_a_commit_without_an_event_on_a_queue_counts_too() -> None:
    story = Story()
    story.workload(Draft(TruthLabelled("none")))
    (event,) = story.workload(telemetry())
    assert story.keys.key(event.seq) == "workload-2.0"


@pytest.mark.parametrize("receipt", [ACKNOWLEDGED, FAILED, DEAD])
def test_what_a_handling_published_continues_the_path_of_its_delivery(receipt: Body) -> None:
    story = Story()
    (cause,) = story.workload(telemetry())
    events = story.handled(cause.seq, receipt, LimitReached("x", "y", 1), feedback())
    assert story.keys.key(events[2].seq) == "workload-1.0.2"


def test_a_delivery_keeps_its_key_through_failed_attempts_and_after_them() -> None:
    story = Story()
    (cause,) = story.workload(telemetry())
    story.handled(cause.seq, FAILED)
    story.handled(cause.seq, FAILED)
    assert story.keys.key(cause.seq) == "workload-1.0"
    story.handled(cause.seq, ACKNOWLEDGED)
    story.workload(telemetry())
    assert story.keys.key(cause.seq) == "workload-1.0"


def test_only_so_many_settled_deliveries_are_kept_and_every_pending_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keys, "SETTLED_KEPT_MAX", 2)
    story = Story()
    events = [story.workload(telemetry())[0] for _ in range(5)]
    for event in events[1:]:
        story.handled(event.seq, ACKNOWLEDGED)
    for forgotten in events[1:3]:
        with pytest.raises(KeyError):
            story.keys.key(forgotten.seq)
    assert [story.keys.key(e.seq) for e in (events[0], *events[3:])] == [
        "workload-1.0",
        "workload-4.0",
        "workload-5.0",
    ]


def test_a_copy_without_effect_changes_no_key() -> None:
    story = Story()
    (cause,) = story.workload(telemetry())
    (other,) = story.workload(telemetry())
    story.handled(cause.seq, ACKNOWLEDGED)
    story.handled(cause.seq, COPY)
    events = story.handled(other.seq, ACKNOWLEDGED, feedback())
    assert story.keys.key(events[1].seq) == "workload-2.0.1"


def test_what_the_sequencer_says_about_a_delivery_moves_nobody() -> None:
    story = Story()
    (cause,) = story.workload(telemetry())
    story.handled(cause.seq, LimitReached("x", "y", 1), source="sequencer")
    events = story.handled(cause.seq, ACKNOWLEDGED, feedback())
    assert story.keys.key(events[1].seq) == "workload-1.0.1"
    assert story.keys.workload_count == 1
