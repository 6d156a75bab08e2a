"""WITNESS as an agent: what it answers, what it learns, and that its state is a fold of what it published."""

from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.detector import THRESHOLDS
from agents.embedder import HashingEmbedder
from agents.experience import MESSAGE_CHARACTERS_MAX, PATTERN_COUNT_MAX, default_prototypes
from agents.memory import ListMemory
from agents.text import mask_numbers
from agents.witness import CHARACTER_NS, SERVICE_NS_MIN, Witness
from bus.bodies import (
    Body,
    FeedbackGiven,
    MemoryReindexed,
    PatternDetected,
    PatternForgotten,
    PatternLearned,
    TaskCompleted,
    TelemetryDismissed,
    TelemetryReceived,
)
from bus.errors import ProtocolError
from bus.events import Draft, Message
from tests.agents.contexts import ComputeOnly


class Reindexed(NamedTuple):
    from_kind: str
    to_kind: str
    pattern_count: int
    reason: str


CRASH = "Gateway crashed with a segmentation fault"


def make_witness(**settings) -> Witness:
    embedder = HashingEmbedder()
    return Witness(ListMemory(embedder.name, embedder.dimension_count), embedder, **settings)


def handled(witness: Witness, body: Body) -> Sequence[Draft]:
    queue = "feedback_queue" if isinstance(body, FeedbackGiven) else "telemetry_stream"
    return witness.handle(Message(0, "somebody", queue, body), ComputeOnly())


def handle(witness: Witness, body: Body) -> Draft:
    (draft,) = handled(witness, body)
    return draft


def lesson(witness: Witness, message: str, kind="critical_error", confirmed=True) -> list[Body]:
    """All that a feedback does to the memory, what was learned last."""
    bodies = [draft.data for draft in handled(witness, FeedbackGiven(kind, confirmed, message))]
    for body in bodies:
        witness.apply(body)
    return bodies


def teach(witness: Witness, message: str, kind="critical_error", confirmed=True) -> PatternLearned:
    learned = lesson(witness, message, kind, confirmed)[-1]
    assert isinstance(learned, PatternLearned)
    return learned


def judge(witness: Witness, message: str) -> PatternDetected | TelemetryDismissed:
    found = handle(witness, TelemetryReceived(message)).data
    assert isinstance(found, PatternDetected | TelemetryDismissed)
    return found


def confidence(witness: Witness, message: str) -> float:
    return judge(witness, message).confidence


def test_a_pattern_goes_to_the_improvement_queue_with_the_message_it_was_found_in():
    draft = handle(make_witness(), TelemetryReceived(CRASH, severity="error"))
    assert draft.queue == "improvement_queue"
    assert isinstance(draft.data, PatternDetected)
    assert (draft.data.kind, draft.data.message, draft.data.severity) == ("critical_error", CRASH, "error")
    assert draft.data.confidence > draft.data.threshold == 0.9
    assert draft.data.similarity > 0.5
    assert str(draft.data.nearest_pattern).startswith("critical_error-")


def test_what_is_no_pattern_is_dismissed_on_no_queue():
    draft = handle(make_witness(), TelemetryReceived("cache warmed up", severity="INFO"))
    assert draft.queue is None
    assert isinstance(draft.data, TelemetryDismissed)
    assert (draft.data.kind, draft.data.threshold) == ("none", 0.0)


def test_an_unsure_answer_is_dismissed_with_its_kind_and_threshold():
    witness = make_witness(thresholds={**THRESHOLDS, "critical_error": 0.99})
    dismissed = handle(witness, TelemetryReceived(CRASH)).data
    assert isinstance(dismissed, TelemetryDismissed)
    assert (dismissed.kind, dismissed.threshold) == ("critical_error", 0.99)
    assert 0.9 < dismissed.confidence < 0.99


@pytest.mark.parametrize("body", [TelemetryReceived("x" * 50), FeedbackGiven("duplication", True, "x" * 50)])
def test_compute_time_is_declared_by_the_length_of_the_message(body):
    context = ComputeOnly()
    make_witness().handle(Message(0, "somebody", None, body), context)
    assert context.computed_ns == SERVICE_NS_MIN + 50 * CHARACTER_NS >= Witness.service_ns_min


def test_anything_but_telemetry_and_feedback_is_refused_by_type():
    body = TaskCompleted("duplication", "helper", "done")
    with pytest.raises(ProtocolError, match=r"task\.completed"):
        make_witness().handle(Message(0, "executor", None, body), ComputeOnly())


def test_handling_feedback_changes_nothing_until_it_is_applied():
    witness = make_witness()
    before = (witness.state_sha256(), witness.pattern_count(), confidence(witness, CRASH))
    learned = handle(witness, FeedbackGiven("critical_error", True, CRASH)).data
    assert (witness.state_sha256(), witness.pattern_count(), confidence(witness, CRASH)) == before
    witness.apply(learned)
    assert witness.state_sha256() != before[0]


def test_a_new_witness_knows_its_prototypes():
    count = sum(len(group.messages) for group in default_prototypes().prototypes)
    assert make_witness().pattern_count() == count


def test_confidence_rises_with_every_confirmation_and_stays_below_one():
    witness = make_witness()
    confidences = [confidence(witness, CRASH)]
    for _ in range(5):
        teach(witness, CRASH)
        confidences.append(confidence(witness, CRASH))
    assert confidences == sorted(set(confidences))
    for _ in range(100):
        teach(witness, CRASH)
    assert confidence(witness, CRASH) <= 0.999


def test_confirmed_experience_carries_over_to_a_recurrence_in_other_words():
    witness = make_witness()
    recurrence = "Gateway on node 7 crashed again with a segmentation fault"
    before = confidence(witness, recurrence)
    teach(witness, CRASH)
    assert confidence(witness, recurrence) > before


def test_experience_of_one_kind_leaves_another_kind_alone():
    witness = make_witness()
    message = "Please add an option for dark colours"
    before = confidence(witness, message)
    teach(witness, CRASH)
    assert confidence(witness, message) == before


def test_a_pattern_that_is_refuted_again_and_again_is_no_longer_published():
    witness = make_witness()
    assert isinstance(handle(witness, TelemetryReceived(CRASH)).data, PatternDetected)
    for _ in range(4):
        teach(witness, CRASH, confirmed=False)
    assert isinstance(handle(witness, TelemetryReceived(CRASH)).data, TelemetryDismissed)


def test_what_is_learned_tells_the_confidence_before_and_after_truly():
    witness = make_witness()
    for confirmed in (True, True, False, True, False, False, False):
        before = confidence(witness, CRASH)
        learned = teach(witness, CRASH, confirmed=confirmed)
        label_is_still_crash = judge(witness, CRASH).kind == "critical_error"
        assert learned.confidence_before == before
        assert label_is_still_crash
        assert learned.confidence_after == confidence(witness, CRASH)


def test_near_duplicates_reinforce_the_pattern_that_is_known():
    witness = make_witness()
    first = teach(witness, "Worker 12 of the mail relay died: broken pipe")
    count = witness.pattern_count()
    second = teach(witness, "Worker 93 of the mail relay died: broken pipe")
    assert second.pattern_id == first.pattern_id
    assert (first.match_count, second.match_count) == (1, 2)
    assert witness.pattern_count() == count


def test_the_same_words_under_another_kind_are_another_pattern():
    witness = make_witness()
    first = teach(witness, "odd words in a row")
    second = teach(witness, "odd words in a row", kind="duplication")
    assert first.pattern_id != second.pattern_id


def test_detections_and_dismissals_leave_no_trace_in_the_state():
    witness = make_witness()
    before = witness.state_sha256()
    for message in (CRASH, "cache warmed up"):
        witness.apply(handle(witness, TelemetryReceived(message)).data)
    assert witness.state_sha256() == before


def test_a_memory_of_another_embedder_is_refused_by_name():
    with pytest.raises(ProtocolError, match=r"'other' \(512 dimensions\), not for 'hashing-v1'"):
        Witness(ListMemory("other", 512), HashingEmbedder())


def test_a_memory_that_is_not_empty_is_refused():
    embedder = HashingEmbedder()
    memory = ListMemory(embedder.name, embedder.dimension_count)
    Witness(memory, embedder)
    with pytest.raises(ProtocolError, match="start from an empty one"):
        Witness(memory, embedder)


@pytest.mark.parametrize("tail", ["lorem ipsum dolor sit amet " * 60, "77 " * 900])
def test_a_text_that_is_too_long_is_recognised_by_what_is_kept_of_it(tail):
    message = f"{CRASH} {'with a long story behind it ' * 33}{tail}"
    assert len(message) > MESSAGE_CHARACTERS_MAX
    witness = make_witness()
    first = teach(witness, message)
    assert first.message == message[:MESSAGE_CHARACTERS_MAX]
    again = teach(witness, message)
    assert (again.pattern_id, again.match_count) == (first.pattern_id, 2)
    assert again.confidence_before == first.confidence_after
    witness = make_witness(thresholds=dict.fromkeys(THRESHOLDS, 0.1))
    pattern_id = teach(witness, message).pattern_id
    found = judge(witness, message)
    assert isinstance(found, PatternDetected)
    assert found.nearest_pattern == pattern_id
    cut = judge(witness, message[:MESSAGE_CHARACTERS_MAX])
    assert isinstance(cut, PatternDetected)
    assert found.similarity == cut.similarity > 0.99


def test_the_answer_about_a_long_text_does_not_depend_on_what_was_asked_before():
    """Two texts that are equal but for their numbers are cut at different words."""
    texts = [f"{CRASH} {number} {'word ' * 190}{'seldom heard ' * 20}" for number in ("7", "7" * 60)]
    assert mask_numbers(texts[0]) == mask_numbers(texts[1])
    thresholds = dict.fromkeys(THRESHOLDS, 0.1)

    def answers(order) -> dict:
        witness = make_witness(thresholds=thresholds)
        teach(witness, texts[0])
        return {text: judge(witness, text) for text in order}

    assert answers(texts) == answers(texts[::-1])


def test_a_full_memory_lets_the_least_useful_pattern_go():
    room = make_witness().pattern_count() + 2
    witness = make_witness(pattern_count_max=room)
    teach(witness, "alpha beta gamma")
    teach(witness, "delta epsilon zeta")
    teach(witness, "alpha beta gamma")
    forgotten, learned = lesson(witness, "eta theta iota")
    assert isinstance(learned, PatternLearned)
    assert isinstance(forgotten, PatternForgotten)
    assert (forgotten.message, forgotten.match_count) == ("delta epsilon zeta", 1)
    assert forgotten.pattern_count_max == witness.pattern_count() == room
    assert teach(witness, "alpha beta gamma").match_count == 3
    assert teach(witness, "delta epsilon zeta").match_count == 1


def test_a_lesson_that_makes_the_memory_search_in_another_way_says_so_beforehand(monkeypatch):
    embedder = HashingEmbedder()
    memory = ListMemory(embedder.name, embedder.dimension_count)
    change = Reindexed("exact", "approximate", 3, "three are many")
    monkeypatch.setattr(memory, "reindexing", lambda added_count: change if added_count else None)
    witness = Witness(memory, embedder)
    said, learned = lesson(witness, "alpha beta gamma")
    assert said == MemoryReindexed("exact", "approximate", 3, "three are many")
    assert isinstance(learned, PatternLearned)
    assert len(lesson(witness, "alpha beta gamma")) == 1, "a pattern that is known adds nothing"


def test_a_memory_without_room_for_the_prototypes_keeps_to_its_bound():
    assert make_witness(pattern_count_max=5).pattern_count() == 5
    assert make_witness().pattern_count() < PATTERN_COUNT_MAX


nouns = st.sampled_from(["parser", "mailer", "relay", "cart", "index", "lock"])
verbs = st.sampled_from(["crashed twice", "is flaky in tests", "has no docstring", "wants a theme"])
kinds = st.sampled_from(list(THRESHOLDS))
lessons = st.lists(st.tuples(st.tuples(nouns, verbs).map(" ".join), kinds, st.booleans()), max_size=25)


@given(lessons, st.sampled_from([None, 45]))
def test_the_state_is_a_fold_of_what_was_published(lessons, pattern_count_max):
    """A witness rebuilt from the bodies alone has the same state and gives the same answers."""
    settings = {"pattern_count_max": pattern_count_max} if pattern_count_max else {}
    witness = make_witness(**settings)
    published = [body for given in lessons for body in lesson(witness, *given)]
    rebuilt = make_witness(**settings)
    for body in published:
        rebuilt.apply(body)
    assert rebuilt.state_sha256() == witness.state_sha256()
    assert rebuilt.pattern_count() == witness.pattern_count()
    for message, _, _ in lessons:
        telemetry = TelemetryReceived(message)
        assert handle(rebuilt, telemetry) == handle(witness, telemetry)


def test_what_was_not_learned_shows_in_the_digest():
    """Sabotage of the fold: one body left out, or one in another order, is noticed."""
    witness = make_witness()
    published = [teach(witness, CRASH), teach(witness, "spare words"), teach(witness, CRASH, confirmed=False)]
    for wrong in (published[1:], published[:-1], [published[1], published[0], published[2]]):
        other = make_witness()
        for body in wrong:
            other.apply(body)
        assert other.state_sha256() != witness.state_sha256()
