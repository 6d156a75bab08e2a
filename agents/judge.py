"""The port to whatever reads a record for :class:`agents.detector.Detector`. Must not remember any record."""

from collections.abc import Sequence
from typing import Protocol, get_args

from agents.experience import NEIGHBOUR_SIMILARITY_MIN, Known, Neighbour
from agents.lexicon import NONE_INDEX
from bus.bodies import PatternKind, TelemetryReceived

EXPERIENCE_TENTHS = 24
"""What a fully trusted pattern with the same words adds, in tenths of a natural-log unit."""
CONFIDENCE_MAX = 0.999
INDEX_OF: dict[PatternKind, int] = {kind: index for index, kind in enumerate(get_args(PatternKind))}


class Judgement(Protocol):
    """What one record looks like, before experience is heard."""

    @property
    def is_open(self) -> bool:
        """Whether experience could still put a kind ahead of ``none``."""

    def confidences(self, known: Known) -> list[float]:
        """Confidence in each label, four decimals, in the order of :data:`agents.lexicon.LABELS`."""

    def evidence(self, index: int) -> Sequence[str]:
        """What spoke for a label, strongest first, in words for people."""


class Judge(Protocol):
    """Reads records. Its judgement depends on the record alone."""

    def text_of(self, message: str) -> str:
        """All of the message that counts: equal texts and fields get equal judgements."""

    def read(self, record: TelemetryReceived, text: str) -> Judgement:
        """Judge a record; ``text`` is :meth:`text_of` its message."""

    def read_all(self, records: Sequence[TelemetryReceived], texts: Sequence[str]) -> Sequence[Judgement]:
        """The same for many at once, faster where that can be."""


def experience_logits(neighbours: Sequence[Neighbour]) -> list[float]:
    """For each kind, the strongest known pattern that speaks for it and the strongest against it, added."""
    strongest_for = [0.0] * NONE_INDEX
    strongest_against = [0.0] * NONE_INDEX
    for neighbour in neighbours:
        index = INDEX_OF[neighbour.pattern.kind]
        closeness = (neighbour.similarity - NEIGHBOUR_SIMILARITY_MIN) / (1.0 - NEIGHBOUR_SIMILARITY_MIN)
        said = closeness * neighbour.pattern.trust * EXPERIENCE_TENTHS / 10
        strongest_for[index] = max(strongest_for[index], said)
        strongest_against[index] = min(strongest_against[index], said)
    return [a + b for a, b in zip(strongest_for, strongest_against, strict=True)]
