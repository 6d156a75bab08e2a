"""WITNESS: finds patterns in telemetry and learns from feedback. Must not call a model or see a label."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from agents.agent import Context
from agents.detector import CACHE_SIZE_MAX, THRESHOLDS, Detector
from agents.embedder import Embedder
from agents.experience import PATTERN_COUNT_MAX, Change, Experience, example_of
from agents.judge import Judge
from agents.lexicon import default_lexicon
from agents.lexicon_judge import LexiconJudge
from agents.memory import PatternMemory
from bus.bodies import (
    Body,
    FeedbackGiven,
    MemoryReindexed,
    PatternDetected,
    PatternForgotten,
    PatternImported,
    PatternKind,
    PatternLearned,
    ReviewRequested,
    TelemetryDismissed,
    TelemetryReceived,
)
from bus.errors import ProtocolError
from bus.events import Draft, Message

SERVICE_NS_MIN = 20_000_000
"""Compute time declared for every handling."""
CHARACTER_NS = 10_000
"""Compute time declared for each character of the message on top; the longest message takes 0.7 s."""


class Witness:
    """The first of the three agents: telemetry in, detections out.

    ``review_above``: confidence in the likeliest kind of a dismissed record from which on WITNESS wants to be
    told what it was. None: never. Feedback on detections alone teaches little: most are right, and what is
    missed is never heard of.

    Raises:
        ProtocolError: the memory belongs to another embedder, or is not empty.
    """

    name: ClassVar[str] = "witness"
    consumes: ClassVar[tuple[str, ...]] = ("telemetry_stream", "feedback_queue")
    publishes: ClassVar[tuple[str, ...]] = ("improvement_queue",)
    folds: ClassVar[tuple[type[Body], ...]] = (PatternLearned, PatternImported, PatternForgotten)
    service_ns_min: ClassVar[int] = SERVICE_NS_MIN

    def __init__(
        self,
        memory: PatternMemory,
        embedder: Embedder,
        judge: Judge | None = None,
        thresholds: Mapping[PatternKind, float] = THRESHOLDS,
        pattern_count_max: int = PATTERN_COUNT_MAX,
        cache_size_max: int = CACHE_SIZE_MAX,
        review_above: float | None = None,
    ) -> None:
        self._embedder = embedder
        self._review_above = review_above
        self._experience = Experience(memory, embedder, pattern_count_max)
        self._detector = Detector(
            judge or LexiconJudge(default_lexicon()), self._experience, embedder, thresholds, cache_size_max
        )

    def foresee(self, messages: Sequence[Message]) -> None:
        bodies = [message.data for message in messages]
        self._detector.foresee([body for body in bodies if isinstance(body, TelemetryReceived)])

    def handle(self, message: Message, context: Context) -> Sequence[Draft]:
        """What the telemetry is, or what the feedback teaches.

        Raises:
            ProtocolError: the message is neither telemetry nor feedback.
        """
        body = message.data
        if isinstance(body, TelemetryReceived):
            context.compute(SERVICE_NS_MIN + CHARACTER_NS * len(body.message))
            return self._answer(body)
        if isinstance(body, FeedbackGiven):
            context.compute(SERVICE_NS_MIN + CHARACTER_NS * len(body.message))
            return self._lesson(body)
        raise ProtocolError(f"witness takes telemetry and feedback, not {body.TYPE}: mend the routing")

    def apply(self, body: Body) -> None:
        """Take in what was learned; detections and dismissals leave no trace."""
        if isinstance(body, Change):
            self._experience.apply(body)

    def state_sha256(self) -> str:
        return self._experience.state_sha256()

    def pattern_count(self) -> int:
        return len(self._experience)

    def _answer(self, record: TelemetryReceived) -> Sequence[Draft]:
        found = self._detector.detect(record)
        if found.label == "none" or not found.is_published:
            dismissed = Draft(TelemetryDismissed(found.label, found.confidence, found.threshold))
            if self._review_above is None or found.kind_confidence <= self._review_above:
                return (dismissed,)
            request = ReviewRequested(found.likeliest_kind, found.kind_confidence, record.message)
            return dismissed, Draft(request)
        detected = PatternDetected(
            kind=found.label,
            confidence=found.confidence,
            threshold=found.threshold,
            message=record.message,
            severity=record.severity,
            similarity=found.similarity,
            nearest_pattern=found.nearest_pattern,
            evidence=list(found.evidence),
        )
        return (Draft(detected, "improvement_queue"),)

    def _lesson(self, feedback: FeedbackGiven) -> Sequence[Draft]:
        """What is learned, behind what has to be forgotten to make room for it."""
        before = self._experience.about(self._embedder.embed(example_of(feedback.message)))
        pattern, after = self._experience.lesson(feedback)
        learned = PatternLearned(
            pattern_id=pattern.pattern_id,
            kind=feedback.kind,
            message=pattern.message,
            confirmed=feedback.confirmed,
            match_count=pattern.match_count,
            confidence_before=self._detector.confidence_in(feedback.kind, feedback.message, before),
            confidence_after=self._detector.confidence_in(feedback.kind, feedback.message, after),
        )
        return *self._consequences(pattern.pattern_id), Draft(learned)

    def _consequences(self, pattern_id: str) -> Iterator[Draft]:
        """What a lesson about a pattern does to the memory as a whole; mostly nothing."""
        gone = self._experience.crowded_out(pattern_id)
        if gone is not None:
            bound = self._experience.pattern_count_max
            yield Draft(PatternForgotten(gone.pattern_id, gone.kind, gone.message, gone.match_count, bound))
        change = self._experience.reindexed_by(pattern_id)
        if change is not None:
            yield Draft(
                MemoryReindexed(change.from_kind, change.to_kind, change.pattern_count, change.reason)
            )
