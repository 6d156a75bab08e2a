"""What feedback does to the linear detector, what it asks about, and reading many records at once."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.embedder import HashingEmbedder
from agents.experience import Known, Neighbour, Pattern
from agents.features import features_of
from agents.lexicon import KINDS, LABELS
from agents.linear_file import default_model
from agents.linear_judge import LinearJudge, learned_steps
from agents.memory import ListMemory
from agents.softmax import STEPS_PER_NAT
from agents.witness import Witness
from bus.bodies import (
    PatternKind,
    PatternLearned,
    ReviewRequested,
    TelemetryDismissed,
    TelemetryReceived,
)
from bus.events import Message
from tests.agents.contexts import ComputeOnly
from tests.agents.test_linear import ALL, make_detector, make_witness


def known_with(*counts: tuple[int, int], similarity: float = 1.0, kind: PatternKind = "duplication") -> Known:
    patterns = [Pattern(f"p{n}", kind, "x", yes, no, False, 0) for n, (yes, no) in enumerate(counts)]
    return Known([Neighbour(pattern, similarity) for pattern in patterns], {})


@pytest.mark.parametrize(
    ("counts", "similarity", "nats"),
    [
        ([(1, 0)], 1.0, math.log(9)),
        ([(1, 0)], 0.75, math.log(9) / 2),
        ([(1, 0)], 0.5, 0.0),
        ([(9, 0)], 1.0, 4.0),
        ([(0, 1)], 1.0, 0.0),
        ([(0, 2)], 1.0, -math.log(9)),
        ([(3, 4)], 1.0, 0.0),
        ([(0, 9)], 1.0, -4.0),
        ([(1, 0), (0, 2)], 1.0, 0.0),
        ([], 1.0, 0.0),
    ],
)
def test_feedback_counts_by_likeness_is_bounded_and_the_first_refutation_is_forgiven(
    counts, similarity, nats
):
    steps = learned_steps(known_with(*counts, similarity=similarity))
    assert steps[LABELS.index("duplication")] == pytest.approx(nats * STEPS_PER_NAT, abs=1)
    assert [step for n, step in enumerate(steps) if LABELS[n] != "duplication"] == [0] * 5


def test_a_dismissed_record_with_much_confidence_in_a_kind_is_to_be_reviewed():
    embedder = HashingEmbedder()
    judge = LinearJudge(default_model().model)
    asked = {}
    for bound in (None, 0.0, 0.5, 1.0):
        memory = ListMemory(embedder.name, embedder.dimension_count)
        witness = Witness(memory, embedder, judge, dict.fromkeys(KINDS, 0.99), review_above=bound)
        drafts = witness.handle(
            Message(0, "workload", "telemetry_stream", TelemetryReceived("Mail relay crashes")), ComputeOnly()
        )
        dismissed = drafts[0].data
        assert isinstance(dismissed, TelemetryDismissed)
        asked[bound] = [draft.data for draft in drafts if isinstance(draft.data, ReviewRequested)]
        assert all(draft.queue is None for draft in drafts)
        for request in asked[bound]:
            assert (request.kind, request.confidence) == ("critical_error", dismissed.confidence)
    assert [len(requests) for requests in asked.values()] == [0, 1, 1, 0]


def test_numbers_in_a_message_change_nothing():
    one, other = (
        "Disk 12 of db-7 failed at 14:03, job 715d0b32",
        "Disk 9 of db-1 failed at 1:59, job e05f5eaf",
    )
    assert features_of(TelemetryReceived(one)) == features_of(TelemetryReceived(other))
    assert features_of(TelemetryReceived("0 errors")) != features_of(TelemetryReceived("3 errors"))


@given(st.lists(st.integers(0, len(ALL) - 1), max_size=30), st.integers(0, 5))
def test_reading_many_records_ahead_changes_no_answer(numbers: list[int], cache_size_max: int) -> None:
    records = [ALL[n] for n in numbers]
    alone, ahead = make_detector(cache_size_max), make_detector(cache_size_max)
    expected = [alone.detect(record) for record in records]
    ahead.foresee(records)
    assert [ahead.detect(record) for record in records] == expected
    ahead.foresee([])
    assert [ahead.detect(record) for record in records] == expected


def test_what_was_learned_between_foreseeing_and_handling_counts() -> None:
    message = Message(0, "workload", "telemetry_stream", TelemetryReceived("Printer margins"))
    answers = []
    for is_foreseen in (False, True):
        witness = make_witness()
        if is_foreseen:
            witness.foresee([message])
        for n in range(3):
            learned = PatternLearned("p", "feature_request", "Printer margins", True, n + 1, 0.1, 0.9)
            witness.apply(learned)
        answers.append(witness.handle(message, ComputeOnly()))
    assert answers[0] == answers[1]
    untaught = make_witness().handle(message, ComputeOnly())
    assert answers[0] != untaught


def test_records_that_are_read_ahead_are_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    detector, other = make_detector(), make_detector()
    expected = [other.detect(record) for record in ALL]
    detector.foresee(ALL)
    monkeypatch.setattr(LinearJudge, "read", None)
    assert [detector.detect(record) for record in ALL] == expected
