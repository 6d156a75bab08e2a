"""Judges a record by trained weights of its features. Must not learn; see simulator/detection for training.

The weights give each label log-odds, calibrated when they were trained. What feedback said about known
patterns that say nearly the same is added to them, and the softmax of the sums is the confidence.

One feedback is worth the log-odds of a witness who is right nine times of ten, as in a naive Bayes update;
the first refutation that is not outweighed is forgiven. A pattern that is wrongly silenced would never be
heard of again, while one that is rightly refuted soon has a second refutation.
"""

from collections.abc import Sequence
from math import log
from typing import Protocol

from agents.dense import mixed
from agents.experience import NEIGHBOUR_SIMILARITY_MIN, Known, Pattern
from agents.features import features_of, named_features
from agents.judge import CONFIDENCE_MAX, INDEX_OF
from agents.lexicon import NONE_INDEX
from agents.linear import LinearModel
from agents.softmax import STEPS_PER_NAT, probabilities_of
from agents.text import mask_numbers
from bus.bodies import TelemetryReceived

EVIDENCE_COUNT_MAX = 5
MEANING = "the meaning of the whole message"
"""What the evidence of a sentence model is called."""
FEEDBACK_STEPS = round(log(9) * STEPS_PER_NAT)
"""Of one feedback about the very same words: nine times of ten it is right."""
LEARNED_STEPS_MAX = 4 * STEPS_PER_NAT
"""Most that all feedback together can say for or against a kind."""


class LinearJudgement:
    """The evidence of one record's features."""

    __slots__ = ("_meaning", "_model", "_record", "_steps")

    def __init__(
        self,
        model: LinearModel,
        record: TelemetryReceived,
        words: Sequence[int],
        meaning: Sequence[int] | None,
    ) -> None:
        self._model = model
        self._record = record
        self._meaning = meaning
        self._steps = words if meaning is None else mixed(words, meaning)

    @property
    def is_open(self) -> bool:
        return max(self._steps[:NONE_INDEX]) - self._steps[NONE_INDEX] >= -LEARNED_STEPS_MAX

    def confidences(self, known: Known) -> list[float]:
        steps = [said + more for said, more in zip(self._steps, learned_steps(known), strict=True)]
        return [min(probability, CONFIDENCE_MAX) for probability in probabilities_of(steps)]

    def evidence(self, index: int) -> Sequence[str]:
        """What sets the label most apart from the strongest other one."""
        rival = max((i for i in range(len(self._steps)) if i != index), key=lambda i: self._steps[i])
        strengths: dict[str, int] = {}
        # An id is counted once, as in the sum, under its first name.
        names = {feature_id: name for name, feature_id in reversed([*named_features(self._record)])}
        for feature_id, name in names.items():
            weights = self._model.weights[feature_id]
            strengths[name] = strengths.get(name, 0) + int(weights[index]) - int(weights[rival])
        if self._meaning is not None:
            # The sum of the words is divided by their length, and the meaning is not.
            said = self._meaning[index] - self._meaning[rival]
            strengths[MEANING] = round(said * features_of(self._record).length)
        strongest = sorted(strengths.items(), key=lambda pair: (-pair[1], pair[0]))
        return [name for name, strength in strongest[:EVIDENCE_COUNT_MAX] if strength > 0]


def learned_steps(known: Known) -> list[int]:
    """What feedback about known patterns says for each label; nothing for ``none``."""
    steps = [0.0] * (NONE_INDEX + 1)
    for neighbour in known.neighbours:
        closeness = (neighbour.similarity - NEIGHBOUR_SIMILARITY_MIN) / (1.0 - NEIGHBOUR_SIMILARITY_MIN)
        said = closeness * FEEDBACK_STEPS * _net_count(neighbour.pattern)
        steps[INDEX_OF[neighbour.pattern.kind]] += said
    return [max(-LEARNED_STEPS_MAX, min(LEARNED_STEPS_MAX, round(step))) for step in steps]


def _net_count(pattern: Pattern) -> int:
    net = pattern.confirmed_count - pattern.refuted_count
    return min(net + 1, 0) if net < 0 else net


class Meaning(Protocol):
    """Evidence beside the words; see :class:`agents.dense.SemanticEvidence`."""

    def steps_of(self, record: TelemetryReceived) -> Sequence[int]:
        """For each label; depends on the record alone."""


class LinearJudge:
    """The weights of one model, and what a sentence model says beside them, if there is one."""

    def __init__(self, model: LinearModel, meaning: Meaning | None = None) -> None:
        self._model = model
        self._meaning = meaning

    def text_of(self, message: str) -> str:
        return mask_numbers(message)

    def read(self, record: TelemetryReceived, text: str) -> LinearJudgement:
        return self._judgement(record, self._model.steps_of(features_of(record, text)))

    def read_all(self, records: Sequence[TelemetryReceived], texts: Sequence[str]) -> list[LinearJudgement]:
        rows = [features_of(record, text) for record, text in zip(records, texts, strict=True)]
        words = self._model.steps(rows).tolist()
        return [self._judgement(record, steps) for record, steps in zip(records, words, strict=True)]

    def _judgement(self, record: TelemetryReceived, words: Sequence[int]) -> LinearJudgement:
        meaning = None if self._meaning is None else self._meaning.steps_of(record)
        return LinearJudgement(self._model, record, words, meaning)
