"""Decides which kind of pattern a telemetry record is, or none, and how sure it is. Must not learn.

Two sides are heard: the lexicon (what the words and fields say) and experience (known patterns that say
nearly the same). Each gives log-odds; a label's lead over its strongest rival is added up from both, and the
logistic function of the sum is the confidence. The lexicon's part is capped, so that words alone are never
quite sure. The cap rises with the record of a kind: the oftener its detections were confirmed, the more its
words are believed.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from agents.embedder import Embedder, Vector
from agents.experience import NEIGHBOUR_SIMILARITY_MIN, Experience, Known, Neighbour
from agents.lexicon import KINDS, LABELS, NONE_INDEX, Lexicon, Reading
from agents.text import mask_numbers
from bus.bodies import Label, PatternKind, TelemetryReceived
from bus.errors import InputError

THRESHOLDS: dict[PatternKind, float] = {
    "critical_error": 0.9,
    "constitution_violation": 0.85,
    "duplication": 0.8,
    "flaky_test": 0.75,
    "feature_request": 0.7,
}
"""A detection is published when its confidence is greater."""
CACHE_SIZE_MAX = 4_096
"""Records, numbers masked, whose answer is kept. Changes how fast an answer comes, never the answer."""
WORDS_LEAD_MAX = 24
"""Most by which words alone can put a kind ahead, in tenths of a natural-log unit: a confidence of 92 %."""
RECORD_WEIGHT = 50
"""By how much a kind's perfect and endless record would raise that, in the same unit."""
EXPERIENCE_WEIGHT = 24
"""What a fully trusted pattern with the same words adds, in the same unit."""
_CONFIDENCE_MAX = 0.999
_UNHEARD_MARGIN = -EXPERIENCE_WEIGHT
"""When words put every kind further behind ``none``, experience could bring none ahead and is not asked."""
_EVIDENCE_COUNT_MAX = 5


class Detection(Struct, frozen=True):
    """The answer about one record."""

    label: Label
    confidence: float
    """In ``label``, four decimals."""
    threshold: float
    """0 for ``none``."""
    similarity: float
    """Of the nearest known pattern of that kind; 0 when nothing of it is alike."""
    nearest_pattern: str | None
    evidence: tuple[str, ...]

    @property
    def is_published(self) -> bool:
        return self.label != "none" and self.confidence > self.threshold


class _Key(NamedTuple):
    """All that an answer depends on, apart from experience."""

    masked_message: str
    severity: str | None
    rule: str | None
    has_error_type: bool
    has_test_name: bool


class _Entry(Struct):
    reading: Reading
    vector: Vector | None
    """Null if experience was not asked, so that the answer stands for good."""
    detection: Detection
    is_alone: bool
    """Nothing known was like it."""
    version: int
    """Of the experience."""


class Detector:
    """The lexicon and the experience, heard together.

    Raises:
        InputError: a kind has no threshold, or one out of range.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        experience: Experience,
        embedder: Embedder,
        thresholds: Mapping[PatternKind, float] = THRESHOLDS,
        cache_size_max: int = CACHE_SIZE_MAX,
    ) -> None:
        self._lexicon = lexicon
        self._experience = experience
        self._embedder = embedder
        self._thresholds = checked_thresholds(thresholds)
        self._cache_size_max = cache_size_max
        self._cache: OrderedDict[_Key, _Entry] = OrderedDict()

    def detect(self, record: TelemetryReceived) -> Detection:
        """Judge one record. The answer depends on the record and the experience alone."""
        key = _Key(
            mask_numbers(record.message),
            record.severity,
            record.rule,
            bool(record.error_type),
            bool(record.test_name),
        )
        entry = self._cache.get(key)
        if entry is None:
            entry = self._judged(self._lexicon.read(record, key.masked_message), record.message)
            self._cache[key] = entry
            if len(self._cache) > self._cache_size_max:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(key)
            if entry.vector is not None and entry.version != self._experience.version:
                self._refresh(entry, entry.vector)
        return entry.detection

    def confidence_in(self, kind: PatternKind, message: str, known: Known) -> float:
        """Confidence in one kind for a bare message, given what is known about it."""
        reading = self._lexicon.read(TelemetryReceived(message), mask_numbers(message))
        return _confidences(reading, known)[LABELS.index(kind)]

    def _judged(self, reading: Reading, message: str) -> _Entry:
        margin_max = max(reading.scores[:NONE_INDEX]) - reading.scores[NONE_INDEX]
        vector = None if margin_max < _UNHEARD_MARGIN else self._embedder.embed(message)
        known = self._experience.about(vector) if vector is not None else self._experience.nothing
        detection = self._detection(reading, known, vector)
        return _Entry(reading, vector, detection, not known.neighbours, self._experience.version)

    def _refresh(self, entry: _Entry, vector: Vector) -> None:
        """Bring an entry up to date with an experience that has changed."""
        known = self._experience.about(vector)
        was_alone, entry.is_alone = entry.is_alone, not known.neighbours
        entry.version = self._experience.version
        # A text that nothing known is like, and that is no pattern, is untouched by what was learned: the
        # record of a kind matters only to a kind that is ahead.
        if not (was_alone and entry.is_alone and entry.detection.label == "none"):
            entry.detection = self._detection(entry.reading, known, vector)

    def _detection(self, reading: Reading, known: Known, vector: Vector | None) -> Detection:
        confidences = _confidences(reading, known)
        # Of equally likely labels the later one wins, so that "none" does not turn into work by a tie.
        index = max(range(len(LABELS)), key=lambda i: (confidences[i], i))
        label, confidence = LABELS[index], confidences[index]
        threshold = 0.0 if label == "none" else self._thresholds[label]
        nearest = None
        if vector is not None and label != "none" and confidence > threshold:
            nearest = self._nearest(label, known.neighbours, vector)
        similarity = nearest.similarity if nearest else 0.0
        evidence = list(reading.rule_names[index][:_EVIDENCE_COUNT_MAX])
        if nearest and similarity >= NEIGHBOUR_SIMILARITY_MIN:
            evidence.append(f"known pattern: {nearest.pattern.message[:100]}")
        name = nearest.pattern.pattern_id if nearest else None
        return Detection(label, confidence, threshold, similarity, name, tuple(evidence))

    def _nearest(self, label: Label, neighbours: Sequence[Neighbour], vector: Vector) -> Neighbour | None:
        """The most alike pattern of a kind, even if it is too little alike to count as evidence."""
        near = next((n for n in neighbours if n.pattern.kind == label), None)
        if near:
            return near
        far = self._experience.neighbours(vector, 0.0)
        return next((n for n in far if n.pattern.kind == label and n.similarity > 0.0), None)


def checked_thresholds(thresholds: Mapping[PatternKind, float]) -> Mapping[PatternKind, float]:
    """The thresholds, if there is one from 0 to 1 for every kind.

    Raises:
        InputError: a kind has none, or one out of range.
    """
    for kind in KINDS:
        if kind not in thresholds:
            raise InputError(f"no confidence threshold for {kind!r}: add one from 0 to 1")
        if not 0.0 <= thresholds[kind] <= 1.0:
            raise InputError(f"confidence threshold of {kind!r} is {thresholds[kind]}: set it from 0 to 1")
    return thresholds


def _confidences(reading: Reading, known: Known) -> list[float]:
    """Confidence in each label, four decimals, in the order of :data:`agents.lexicon.LABELS`."""
    words = _leads([score / 10 for score in reading.scores])
    experience = _leads([*_experience_logits(known.neighbours), 0.0])
    for index, kind in enumerate(KINDS):
        words[index] = min(words[index], (WORDS_LEAD_MAX + RECORD_WEIGHT * known.records[kind].trust) / 10)
    return [
        round(min(1.0 / (1.0 + math.exp(-(said + learned))), _CONFIDENCE_MAX), 4)
        for said, learned in zip(words, experience, strict=True)
    ]


def _leads(values: Sequence[float]) -> list[float]:
    """By how much each value is above the largest of the others."""
    second, first = sorted(values)[-2:]
    return [value - (second if value == first else first) for value in values]


def _experience_logits(neighbours: Sequence[Neighbour]) -> list[float]:
    """For each kind, the strongest known pattern that speaks for it and the strongest against it, added."""
    strongest_for = [0.0] * NONE_INDEX
    strongest_against = [0.0] * NONE_INDEX
    for neighbour in neighbours:
        index = LABELS.index(neighbour.pattern.kind)
        closeness = (neighbour.similarity - NEIGHBOUR_SIMILARITY_MIN) / (1.0 - NEIGHBOUR_SIMILARITY_MIN)
        said = closeness * neighbour.pattern.trust * EXPERIENCE_WEIGHT / 10
        strongest_for[index] = max(strongest_for[index], said)
        strongest_against[index] = min(strongest_against[index], said)
    return [a + b for a, b in zip(strongest_for, strongest_against, strict=True)]
