"""WITNESS: finds patterns in telemetry and learns from feedback. Must not call a model or see a label."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from agents.agent import Context
from agents.detector import CACHE_SIZE_MAX, THRESHOLDS, Detector
from agents.embedder import Embedder
from agents.experience import PATTERN_COUNT_MAX, Experience
from agents.judge import Judge
from agents.lexicon import default_lexicon
from agents.lexicon_judge import LexiconJudge
from agents.memory import PatternMemory
from bus.bodies import (
    Body,
    FeedbackGiven,
    PatternDetected,
    PatternKind,
    PatternLearned,
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

    Raises:
        ProtocolError: the memory belongs to another embedder, or is not empty.
    """

    name: ClassVar[str] = "witness"
    consumes: ClassVar[tuple[str, ...]] = ("telemetry_stream", "feedback_queue")
    publishes: ClassVar[tuple[str, ...]] = ("improvement_queue",)
    folds: ClassVar[tuple[type[Body], ...]] = (PatternLearned,)
    service_ns_min: ClassVar[int] = SERVICE_NS_MIN

    def __init__(
        self,
        memory: PatternMemory,
        embedder: Embedder,
        judge: Judge | None = None,
        thresholds: Mapping[PatternKind, float] = THRESHOLDS,
        pattern_count_max: int = PATTERN_COUNT_MAX,
        cache_size_max: int = CACHE_SIZE_MAX,
    ) -> None:
        self._embedder = embedder
        self._experience = Experience(memory, embedder, pattern_count_max)
        self._detector = Detector(
            judge or LexiconJudge(default_lexicon()), self._experience, embedder, thresholds, cache_size_max
        )

    def handle(self, message: Message, context: Context) -> Sequence[Draft]:
        """One draft: what the telemetry is, or what the feedback teaches.

        Raises:
            ProtocolError: the message is neither telemetry nor feedback.
        """
        body = message.data
        if isinstance(body, TelemetryReceived):
            context.compute(SERVICE_NS_MIN + CHARACTER_NS * len(body.message))
            return (self._answer(body),)
        if isinstance(body, FeedbackGiven):
            context.compute(SERVICE_NS_MIN + CHARACTER_NS * len(body.message))
            return (Draft(self._lesson(body)),)
        raise ProtocolError(f"witness takes telemetry and feedback, not {body.TYPE}: mend the routing")

    def apply(self, body: Body) -> None:
        """Take in what was learned; detections and dismissals leave no trace."""
        if isinstance(body, PatternLearned):
            self._experience.apply(body)

    def state_sha256(self) -> str:
        return self._experience.state_sha256()

    def pattern_count(self) -> int:
        return len(self._experience)

    def _answer(self, record: TelemetryReceived) -> Draft:
        found = self._detector.detect(record)
        if found.label == "none" or not found.is_published:
            return Draft(TelemetryDismissed(found.label, found.confidence, found.threshold))
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
        return Draft(detected, "improvement_queue")

    def _lesson(self, feedback: FeedbackGiven) -> PatternLearned:
        before = self._experience.about(self._embedder.embed(feedback.message))
        pattern, after = self._experience.lesson(feedback)
        return PatternLearned(
            pattern_id=pattern.pattern_id,
            kind=feedback.kind,
            message=pattern.message,
            confirmed=feedback.confirmed,
            match_count=pattern.match_count,
            confidence_before=self._detector.confidence_in(feedback.kind, feedback.message, before),
            confidence_after=self._detector.confidence_in(feedback.kind, feedback.message, after),
        )
