"""Judges a record by trained weights of its features. Must not learn; see simulator/detection for training.

The weights give each label log-odds, calibrated when they were trained. What experience says about a kind is
added to them, and the softmax of the sums is the confidence. By how much a kind can lead by its weights alone
is capped, so that experience can still silence it; the cap rises with the record of the kind, that is, the
oftener its detections were confirmed.
"""

from collections.abc import Sequence

from agents.experience import Known
from agents.features import features_of, named_features
from agents.judge import CONFIDENCE_MAX, EXPERIENCE_TENTHS, experience_logits
from agents.lexicon import KINDS, NONE_INDEX
from agents.linear import LinearModel
from agents.softmax import STEPS_PER_NAT, probabilities_of
from bus.bodies import TelemetryReceived

EVIDENCE_COUNT_MAX = 5
WEIGHTS_LEAD_MAX = 30
"""Most by which weights alone can put a kind ahead, in tenths of a natural-log unit: a confidence of 95 %."""
RECORD_TENTHS = 50
"""By how much a kind's perfect and endless record would raise that, in the same unit."""


class LinearJudgement:
    """The evidence of one record's features."""

    __slots__ = ("_model", "_record", "_steps")

    def __init__(self, model: LinearModel, record: TelemetryReceived) -> None:
        self._model = model
        self._record = record
        self._steps = model.steps_of(features_of(record))

    @property
    def is_open(self) -> bool:
        lead = max(self._steps[:NONE_INDEX]) - self._steps[NONE_INDEX]
        return lead * 10 >= -EXPERIENCE_TENTHS * STEPS_PER_NAT

    def confidences(self, known: Known) -> list[float]:
        learned = [round(logit * STEPS_PER_NAT) for logit in experience_logits(known.neighbours)]
        steps = [said + more for said, more in zip(self._capped(known), [*learned, 0], strict=True)]
        return [min(probability, CONFIDENCE_MAX) for probability in probabilities_of(steps)]

    def _capped(self, known: Known) -> list[int]:
        steps = list(self._steps)
        second, first = sorted(steps)[-2:]
        index = steps.index(first)
        if index != NONE_INDEX:
            tenths = WEIGHTS_LEAD_MAX + RECORD_TENTHS * known.records[KINDS[index]].trust
            steps[index] = min(first, second + round(tenths * STEPS_PER_NAT / 10))
        return steps

    def evidence(self, index: int) -> Sequence[str]:
        """What sets the label most apart from the strongest other one."""
        rival = max((i for i in range(len(self._steps)) if i != index), key=lambda i: self._steps[i])
        strengths: dict[str, int] = {}
        # An id is counted once, as in the sum, under its first name.
        names = {feature_id: name for name, feature_id in reversed([*named_features(self._record)])}
        for feature_id, name in names.items():
            weights = self._model.weights[feature_id]
            strengths[name] = strengths.get(name, 0) + int(weights[index]) - int(weights[rival])
        strongest = sorted(strengths.items(), key=lambda pair: (-pair[1], pair[0]))
        return [name for name, strength in strongest[:EVIDENCE_COUNT_MAX] if strength > 0]


class LinearJudge:
    """The weights of one model."""

    def __init__(self, model: LinearModel) -> None:
        self._model = model

    def text_of(self, message: str) -> str:
        return message

    def read(self, record: TelemetryReceived, text: str) -> LinearJudgement:
        return LinearJudgement(self._model, record)
