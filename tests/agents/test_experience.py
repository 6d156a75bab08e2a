"""Experience: what other runs learned counts, what is of least use goes, and every state is a fold."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.embedder import HashingEmbedder
from agents.experience import Experience, default_prototypes
from agents.usefulness import FEEDBACK_WORTH, WORTHY_FEEDBACKS_MAX, Ranking, Usefulness
from bus.bodies import FeedbackGiven, PatternForgotten, PatternImported, PatternKind, PatternLearned
from bus.errors import ProtocolError
from store.memory import FaissMemory

CRASH = "Gateway crashed with a segmentation fault"
KIND: PatternKind = "critical_error"
WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "jetty")


def make_experience(room: int | None = None) -> Experience:
    """With room for so many patterns besides the prototypes."""
    embedder = HashingEmbedder()
    memory = FaissMemory(embedder.name, embedder.dimension_count)
    if room is None:
        return Experience(memory, embedder)
    prototype_count = sum(len(group.messages) for group in default_prototypes().prototypes)
    return Experience(memory, embedder, prototype_count + room)


def imported(message: str, confirmed_count: int = 0, refuted_count: int = 0) -> PatternImported:
    name, example = make_experience().known_as(KIND, message)
    return PatternImported(name, KIND, example, confirmed_count, refuted_count, "a:1", 1, "b:2", 2)


def learned(experience: Experience, message: str, *, confirmed: bool = True) -> PatternLearned:
    """What WITNESS would publish."""
    pattern, _ = experience.lesson(FeedbackGiven(KIND, confirmed, message))
    return PatternLearned(pattern.pattern_id, KIND, pattern.message, confirmed, pattern.match_count, 0.5, 0.5)


def forgotten(experience: Experience, change: PatternLearned) -> PatternForgotten | None:
    gone = experience.crowded_out(change.pattern_id)
    if gone is None:
        return None
    return PatternForgotten(
        gone.pattern_id, gone.kind, gone.message, gone.match_count, experience.pattern_count_max
    )


def known(experience: Experience, message: str) -> list[tuple[str, int, int]]:
    vector = HashingEmbedder().embed(message)
    near = experience.neighbours(vector, 0.99)
    return [(n.pattern.message, n.pattern.confirmed_count, n.pattern.refuted_count) for n in near]


def test_what_earlier_runs_were_told_counts_as_if_this_one_had_been() -> None:
    told, carried = make_experience(), make_experience()
    for confirmed in (True, True, False):
        told.apply(learned(told, CRASH, confirmed=confirmed))
    carried.apply(imported(CRASH, 2, 1))
    assert known(carried, CRASH) == known(told, CRASH) == [(CRASH, 2, 1)]
    assert carried.nothing.records == told.nothing.records
    assert carried.version == 1


def test_a_lesson_goes_on_where_earlier_runs_stopped() -> None:
    experience = make_experience()
    experience.apply(imported(CRASH, 2, 1))
    change = learned(experience, CRASH)
    assert change.match_count == 4
    experience.apply(change)
    assert known(experience, CRASH) == [(CRASH, 3, 1)]


def test_a_text_that_says_nearly_the_same_belongs_to_the_pattern_that_is_known() -> None:
    experience = make_experience()
    body = imported(CRASH, 1)
    experience.apply(body)
    assert experience.known_as(KIND, f"{CRASH}!") == (body.pattern_id, CRASH)
    assert experience.known_as("flaky_test", CRASH)[0] != body.pattern_id
    assert experience.known_as(KIND, "Disk of the printer is full")[0] != body.pattern_id


def test_what_of_other_patterns_got_least_feedback_goes_when_a_new_one_comes() -> None:
    experience = make_experience(room=2)
    for message in ("amber birch", "cedar delta", "amber birch"):
        experience.apply(learned(experience, message))
    change = learned(experience, "ember fjord")
    gone = forgotten(experience, change)
    assert gone is not None
    assert (gone.message, gone.match_count) == ("cedar delta", 1)
    assert forgotten(experience, learned(experience, "amber birch")) is None
    experience.apply(gone)
    experience.apply(change)
    assert [known(experience, text) for text in ("amber birch", "cedar delta", "ember fjord")] == [
        [("amber birch", 2, 0)],
        [],
        [("ember fjord", 1, 0)],
    ]


@settings(max_examples=12)
@given(
    st.lists(
        st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS), st.booleans()), min_size=4, max_size=12
    )
)
def test_a_log_that_does_not_say_what_was_forgotten_is_folded_to_the_same_state(
    lessons: list[tuple[str, str, bool]],
) -> None:
    silent, told = make_experience(room=3), make_experience(room=3)
    for first, second, confirmed in lessons:
        change = learned(told, f"{first} {second}", confirmed=confirmed)
        gone = forgotten(told, change)
        if gone is not None:
            told.apply(gone)
        told.apply(change)
        silent.apply(change)
        assert silent.state_sha256() == told.state_sha256()


def taught(experience: Experience, message: str, *, times: int = 1) -> list[PatternForgotten]:
    """What was forgotten for it."""
    changes = []
    for _ in range(times):
        change = learned(experience, message)
        gone = forgotten(experience, change)
        if gone is not None:
            experience.apply(gone)
            changes.append(gone)
        experience.apply(change)
    return changes


PAIRS = [f"{first} {second}" for first in WORDS for second in WORDS if first < second]


@pytest.mark.parametrize("old_count", [WORTHY_FEEDBACKS_MAX, 10 * WORTHY_FEEDBACKS_MAX])
def test_a_memory_full_of_old_patterns_still_learns_what_recurs(old_count: int) -> None:
    """However often the old ones were told, one after the other makes way for what recurs now."""
    experience = make_experience(room=12)
    for message in PAIRS[:12]:
        taught(experience, message, times=old_count)
    new = PAIRS[12:22]
    for _ in range(FEEDBACK_WORTH * WORTHY_FEEDBACKS_MAX // len(new) + WORTHY_FEEDBACKS_MAX):
        for message in new:
            taught(experience, message)
    kept = [message for message in new if known(experience, message)]
    assert kept == new
    assert min(known(experience, message)[0][1] for message in new) > 1


def test_what_is_of_use_now_outlives_what_was_told_often_long_ago() -> None:
    experience = make_experience(room=2)
    taught(experience, "amber birch", times=3)
    taught(experience, "cedar delta", times=2 + 2 * FEEDBACK_WORTH)
    assert [gone.message for gone in taught(experience, "ember fjord")] == ["amber birch"]


@settings(max_examples=12)
@given(st.permutations(PAIRS[:6]))
def test_of_what_was_imported_the_last_goes_first(messages: list[str]) -> None:
    """Whatever the patterns are called."""
    experience = make_experience(room=6)
    for message in messages:
        experience.apply(imported(message, 1))
    gone = [taught(experience, message) for message in PAIRS[6:11]]
    assert [[one.message for one in some] for some in gone] == [[m] for m in reversed(messages[1:])]


def test_what_is_not_known_cannot_be_forgotten() -> None:
    with pytest.raises(ProtocolError, match="not known"):
        make_experience().apply(PatternForgotten("critical_error-0", KIND, CRASH, 0, 100))


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 5), st.booleans()), max_size=60))
def test_the_least_of_a_ranking_is_the_least_of_what_is_there_now(
    changes: list[tuple[str, int, bool]],
) -> None:
    now: dict[str, Usefulness] = {}
    ranking = Ranking(now.get)
    for name, count, is_there in changes:
        if is_there:
            now[name] = (False, count, 0, name)
            ranking.put(now[name])
        else:
            now.pop(name, None)
        if now:
            assert ranking.least() == min(now.values())[-1]


def test_a_ranking_does_not_grow_with_the_number_of_changes() -> None:
    now: dict[str, Usefulness] = {}
    looked_up: list[str] = []

    def looking(name: str) -> Usefulness | None:
        looked_up.append(name)
        return now.get(name)

    ranking = Ranking(looking)
    for count in range(5_000):
        name = "ab"[count % 2]
        now[name] = (False, count, 0, name)
        ranking.put(now[name])
    looked_up.clear()
    assert ranking.least() == "a"
    assert len(looked_up) < 1_100, "entries that were passed over are thrown out now and then"
