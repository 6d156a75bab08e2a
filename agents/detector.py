"""Decides which kind of pattern a telemetry record is, or none, and how sure it is. Must not learn.

Two sides are heard: a judge (what the words and fields say) and experience (known patterns that say nearly
the same). How the two are weighed is the judge's; see :mod:`agents.lexicon_judge` and
:mod:`agents.linear_judge`.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from agents.embedder import Embedder, Vector
from agents.experience import NEIGHBOUR_SIMILARITY_MIN, Experience, Known, Neighbour, example_of
from agents.judge import Judge, Judgement
from agents.lexicon import KINDS, LABELS
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
_EVIDENCE_COUNT_MAX = 5
_WIDER_SIMILARITIES = (0.25, 0.0)
"""Where the most alike pattern is looked for, step by step: all of them are many."""


class Detection(Struct, frozen=True):
    """The answer about one record."""

    label: Label
    confidence: float
    """In ``label``, four decimals."""
    threshold: float
    """0 for ``none``."""
    similarity: float
    """Of the nearest known pattern of that kind; 0 when nothing of it is alike, or nothing is published."""
    nearest_pattern: str | None
    evidence: tuple[str, ...]
    """Empty when nothing is published."""
    likeliest_kind: PatternKind
    """Apart from ``none``."""
    kind_confidence: float
    """In that kind."""

    @property
    def is_published(self) -> bool:
        return self.label != "none" and self.confidence > self.threshold


class _Key(NamedTuple):
    """All that an answer depends on, apart from experience."""

    text: str
    """Of the message, as the judge sees it."""
    example: str
    """The same of what counts when it is compared with known patterns."""
    severity: str | None
    rule: str | None
    has_error_type: bool
    has_test_name: bool


class _Entry(Struct):
    judgement: Judgement
    vector: Vector | None
    """Null if experience was not asked, so that the answer stands for good."""
    detection: Detection
    is_alone: bool
    """Nothing known was like it."""
    version: int
    """Of the experience."""


class Detector:
    """A judge and the experience, heard together.

    Raises:
        InputError: a kind has no threshold, or one out of range.
    """

    def __init__(
        self,
        judge: Judge,
        experience: Experience,
        embedder: Embedder,
        thresholds: Mapping[PatternKind, float] = THRESHOLDS,
        cache_size_max: int = CACHE_SIZE_MAX,
    ) -> None:
        self._judge = judge
        self._experience = experience
        self._embedder = embedder
        self._thresholds = checked_thresholds(thresholds)
        self._cache_size_max = cache_size_max
        self._cache: OrderedDict[_Key, _Entry] = OrderedDict()
        self._foreseen: dict[_Key, Judgement] = {}
        self._texts: dict[str, str] = {}
        """By message, of the records that were foreseen."""

    def foresee(self, records: Sequence[TelemetryReceived]) -> None:
        """Read records at once that will be asked about next. Changes no answer."""
        self._texts = {record.message: self._judge.text_of(record.message) for record in records}
        new = {key: record for record in records if (key := self._key_of(record)) not in self._cache}
        texts = [key.text for key in new]
        judgements = self._judge.read_all(list(new.values()), texts)
        self._foreseen = dict(zip(new, judgements, strict=True))

    def detect(self, record: TelemetryReceived) -> Detection:
        """Judge one record. The answer depends on the record and the experience alone."""
        key = self._key_of(record)
        entry = self._cache.get(key)
        if entry is None:
            judgement = self._foreseen.pop(key, None) or self._judge.read(record, key.text)
            entry = self._judged(judgement, key.example)
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
        judgement = self._judge.read(TelemetryReceived(message), self._judge.text_of(message))
        return judgement.confidences(known)[LABELS.index(kind)]

    def _key_of(self, record: TelemetryReceived) -> _Key:
        message = record.message
        text = self._texts.get(message) or self._judge.text_of(message)
        example = example_of(message)
        return _Key(
            text,
            text if example == message else self._judge.text_of(example),
            record.severity,
            record.rule,
            bool(record.error_type),
            bool(record.test_name),
        )

    def _judged(self, judgement: Judgement, example: str) -> _Entry:
        vector = self._embedder.embed(example) if judgement.is_open else None
        known = self._experience.about(vector) if vector is not None else self._experience.nothing
        detection = self._detection(judgement, known, vector)
        return _Entry(judgement, vector, detection, not known.neighbours, self._experience.version)

    def _refresh(self, entry: _Entry, vector: Vector) -> None:
        """Bring an entry up to date with an experience that has changed."""
        known = self._experience.about(vector)
        was_alone, entry.is_alone = entry.is_alone, not known.neighbours
        entry.version = self._experience.version
        # A text that nothing known is like, and that is no pattern, is untouched by what was learned: the
        # record of a kind matters only to a kind that is ahead.
        if not (was_alone and entry.is_alone and entry.detection.label == "none"):
            entry.detection = self._detection(entry.judgement, known, vector)

    def _detection(self, judgement: Judgement, known: Known, vector: Vector | None) -> Detection:
        confidences = judgement.confidences(known)
        # Of equally likely labels the later one wins, so that "none" does not turn into work by a tie.
        index = max(range(len(LABELS)), key=lambda i: (confidences[i], i))
        label, confidence = LABELS[index], confidences[index]
        kind_index = max(range(len(KINDS)), key=lambda i: confidences[i])
        kind = KINDS[kind_index], confidences[kind_index]
        threshold = 0.0 if label == "none" else self._thresholds[label]
        if label == "none" or confidence <= threshold:
            return Detection(label, confidence, threshold, 0.0, None, (), *kind)
        nearest = self._nearest(label, known.neighbours, vector) if vector is not None else None
        similarity = nearest.similarity if nearest else 0.0
        evidence = list(judgement.evidence(index)[:_EVIDENCE_COUNT_MAX])
        if nearest and similarity >= NEIGHBOUR_SIMILARITY_MIN:
            evidence.append(f"known pattern: {nearest.pattern.message[:100]}")
        name = nearest.pattern.pattern_id if nearest else None
        return Detection(label, confidence, threshold, similarity, name, tuple(evidence), *kind)

    def _nearest(self, label: Label, neighbours: Sequence[Neighbour], vector: Vector) -> Neighbour | None:
        """The most alike pattern of a kind, even if it is too little alike to count as evidence."""
        near = next((n for n in neighbours if n.pattern.kind == label), None)
        for similarity_min in _WIDER_SIMILARITIES:
            if near:
                break
            far = self._experience.neighbours(vector, similarity_min)
            near = next((n for n in far if n.pattern.kind == label and n.similarity > 0.0), None)
        return near


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
