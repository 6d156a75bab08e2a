"""What must be true of a log on which WITNESS learns, found by other ways than the run's. Must not run it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from random import Random
from unittest.mock import patch

from msgspec.structs import replace

from agents.experience import Change, Experience, Pattern
from agents.memory import ListMemory
from bus.bodies import (
    FeedbackGiven,
    MemoryReindexed,
    PatternForgotten,
    PatternImported,
    PatternLearned,
    ReviewRequested,
    TaskCompleted,
    TaskCreated,
    TaskFailed,
    TelemetryReceived,
    TruthLabelled,
)
from bus.events import Draft, Event
from bus.keys import REVIEWER, Keys
from simulator import compose
from simulator.carrying import Learned
from simulator.embedding import embedder_of
from simulator.engine import Item
from simulator.reviewer import Reviewer, TruthfulReviewer
from simulator.scenario import FeedbackSettings, Scenario
from simulator.scenario_rules import PATTERNS_MIN
from simulator.streams import Streams
from store.memory import IndexLimits
from store.pattern_file import FEEDBACK_COUNT_MAX, CarriedPattern

ASKING = (TaskCompleted, TaskFailed, ReviewRequested)

# -- what the reviewer says


def wrong_answers(scenario: Scenario, events: Sequence[Event]) -> Iterator[str]:
    """Answers that are missing, too many, or not what the seed, the delivery and the truth make them."""
    said = {e.causation_seq: e.data for e in events if isinstance(e.data, FeedbackGiven) and _is_answer(e)}
    if scenario.feedback is None:
        yield from ["answers without a reviewer"] if said else []
        return
    due = dict(_due(scenario, scenario.feedback, events))
    if any(isinstance(e.data, FeedbackGiven) and not _is_answer(e) for e in events):
        yield "somebody but the reviewer gives feedback"
    if said != due:
        first = min(seq for seq in (*said, *due) if seq and said.get(seq) != due.get(seq))
        yield f"answer to event {first}: {said.get(first)}, not {due.get(first)}"


def _is_answer(event: Event) -> bool:
    return event.source == REVIEWER


def _due(
    scenario: Scenario, settings: FeedbackSettings, events: Sequence[Event]
) -> Iterator[tuple[int, FeedbackGiven]]:
    truths = {e.causation_seq: e.data.label for e in events if isinstance(e.data, TruthLabelled)}
    by_seq = {event.seq: event for event in events}
    streams, keys = Streams(scenario.seed), Keys()
    receipt = events[0]
    for event in events:
        keys.apply(event)
        receipt = event if event.commit_seq != receipt.commit_seq else receipt
        if not isinstance(event.data, ASKING) or receipt.causation_seq is None:
            continue
        record = by_seq[receipt.causation_seq].data
        assert isinstance(record, TaskCreated | TelemetryReceived), f"event {event.seq} answers {record}"
        kind, label = event.data.kind, truths.get(event.correlation_seq)
        stream = streams.stream("feedback", keys.key(receipt.causation_seq))
        if label is None or stream.random() < settings.missing_share:
            continue
        verdict = stream.random()
        if settings.chance_share is not None:
            confirmed = verdict < settings.chance_share
        else:
            confirmed = (label == kind) != (verdict < settings.wrong_share)
        yield event.seq, FeedbackGiven(kind, confirmed, record.message)


# -- what WITNESS remembers


def wrong_memory(
    scenario: Scenario, events: Sequence[Event], begun_with: Sequence[CarriedPattern], limits: IndexLimits
) -> Iterator[str]:
    """What is said of imports, forgetting, indexes and counts, and is not so by a plain fold over the log."""
    embedder = embedder_of(scenario.witness)
    memory = ListMemory(embedder.name, embedder.dimension_count)
    experience = Experience(memory, embedder, scenario.witness.patterns_max)
    learned = Learned("drawn:0")
    index, announced = "exact", None
    for event in events:
        body = event.data
        learned.apply(event)
        if isinstance(body, MemoryReindexed):
            announced = (body.from_index, body.to_index, body.pattern_count)
        if isinstance(body, PatternForgotten) and len(memory) < scenario.witness.patterns_max:
            yield f"event {event.seq}: forgotten with {len(memory)} patterns"
        if not isinstance(body, Change):
            continue
        experience.apply(body)
        was, index = index, _index_after(index, len(memory), limits)
        if isinstance(body, PatternLearned):
            if announced != (None if was == index else (was, index, len(memory))):
                yield f"event {event.seq}: index {was}, then {index}, and announced {announced}"
            announced = None
        if len(memory) > scenario.witness.patterns_max:
            yield f"event {event.seq}: {len(memory)} patterns"
    known = [p for p in experience._patterns.values() if p.match_count]
    carried = [p for p in learned.patterns() if p.confirmed_count + p.refuted_count]
    if sorted(map(_told, known)) != sorted(map(_told, carried)):
        yield "what is carried on is not what is known"
    yield from _lost_imports(scenario, events, begun_with)


def _index_after(index: str, pattern_count: int, limits: IndexLimits) -> str:
    if index == "exact":
        return "approximate" if pattern_count > limits.exact_count_max else index
    return "exact" if pattern_count < limits.exact_again_count else index


def _told(pattern: Pattern | CarriedPattern) -> tuple[str, str, int, int]:
    confirmed_count = min(pattern.confirmed_count, FEEDBACK_COUNT_MAX)
    refuted_count = min(pattern.refuted_count, FEEDBACK_COUNT_MAX)
    return pattern.kind, pattern.message, confirmed_count, refuted_count


def _lost_imports(
    scenario: Scenario, events: Sequence[Event], begun_with: Sequence[CarriedPattern]
) -> Iterator[str]:
    imported = [event.data for event in events if isinstance(event.data, PatternImported)]
    is_room_for_all = scenario.witness.patterns_max >= PATTERNS_MIN + len(begun_with)
    if is_room_for_all and _counts(imported) != _counts(begun_with):
        yield f"counts of imports are {_counts(imported)}, not {_counts(begun_with)}"
    if len({body.pattern_id for body in imported}) < len(imported):
        yield "a pattern is imported twice"


def _counts(patterns: Sequence[PatternImported | CarriedPattern]) -> tuple[int, int]:
    return sum(p.confirmed_count for p in patterns), sum(p.refuted_count for p in patterns)


# -- who hears the truth


@contextmanager
def other_truths(seed: int) -> Iterator[None]:
    """The truth on the log is another one, and the reviewer alone knows the first one."""
    workload_of = compose.workload_of

    def untrue(scenario: Scenario) -> Iterator[Item]:
        items = list(workload_of(scenario))
        truths = [draft for item in items for draft in item.drafts if isinstance(draft.data, TruthLabelled)]
        Random(f"truths {seed}").shuffle(truths)
        left = iter(truths)
        for item in items:
            drafts = [next(left) if isinstance(d.data, TruthLabelled) else d for d in item.drafts]
            yield item._replace(drafts=drafts)

    def reviewer_of(scenario: Scenario) -> Reviewer:
        if scenario.feedback is None:
            return right_reviewer_of(scenario)
        return _Informed(scenario.feedback, Streams(scenario.seed), workload_of(scenario))

    right_reviewer_of = compose.reviewer_of
    with ExitStack() as stack:
        stack.enter_context(patch.object(compose, "workload_of", untrue))
        stack.enter_context(patch.object(compose, "reviewer_of", reviewer_of))
        yield


class _Informed(TruthfulReviewer):
    """Is told the truth by somebody else."""

    def __init__(self, settings: FeedbackSettings, streams: Streams, items: Iterator[Item]) -> None:
        super().__init__(settings, streams)
        self._items = items

    def learn(self, drafts: Sequence[Draft]) -> None:
        super().learn(next(self._items).drafts)


def without_truths(events: Sequence[Event]) -> list[Event]:
    """All but what the truths say."""
    unsaid = TruthLabelled("none")
    return [replace(e, data=unsaid) if isinstance(e.data, TruthLabelled) else e for e in events]
