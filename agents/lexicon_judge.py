"""Judges a record by the words and fields that the lexicon knows. Must not learn.

Each label's score is log-odds, and so is what experience says. A label's lead over its strongest rival is
added up from both, and the logistic function of the sum is the confidence. The lexicon's part is capped, so
that words alone are never quite sure. The cap rises with the record of a kind: the oftener its detections
were confirmed, the more its words are believed.
"""

import math
from collections.abc import Sequence

from agents.experience import Known
from agents.judge import CONFIDENCE_MAX, EXPERIENCE_TENTHS, experience_logits
from agents.lexicon import KINDS, NONE_INDEX, Lexicon, Reading
from agents.text import mask_numbers
from bus.bodies import TelemetryReceived

WORDS_LEAD_MAX = 24
"""Most by which words alone can put a kind ahead, in tenths of a natural-log unit: a confidence of 92 %."""
RECORD_WEIGHT = 50
"""By how much a kind's perfect and endless record would raise that, in the same unit."""


class LexiconJudgement:
    """A reading of the lexicon."""

    __slots__ = ("_reading",)

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    @property
    def is_open(self) -> bool:
        scores = self._reading.scores
        return max(scores[:NONE_INDEX]) - scores[NONE_INDEX] >= -EXPERIENCE_TENTHS

    def confidences(self, known: Known) -> list[float]:
        words = _leads([score / 10 for score in self._reading.scores])
        experience = _leads([*experience_logits(known.neighbours), 0.0])
        for index, kind in enumerate(KINDS):
            words[index] = min(
                words[index], (WORDS_LEAD_MAX + RECORD_WEIGHT * known.records[kind].trust) / 10
            )
        return [
            round(min(1.0 / (1.0 + math.exp(-(said + learned))), CONFIDENCE_MAX), 4)
            for said, learned in zip(words, experience, strict=True)
        ]

    def evidence(self, index: int) -> Sequence[str]:
        return self._reading.rule_names[index]


class LexiconJudge:
    """The rules of one lexicon."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def text_of(self, message: str) -> str:
        return mask_numbers(message)

    def read(self, record: TelemetryReceived, text: str) -> LexiconJudgement:
        return LexiconJudgement(self._lexicon.read(record, text))

    def read_all(self, records: Sequence[TelemetryReceived], texts: Sequence[str]) -> list[LexiconJudgement]:
        return [self.read(record, text) for record, text in zip(records, texts, strict=True)]


def _leads(values: Sequence[float]) -> list[float]:
    """By how much each value is above the largest of the others."""
    second, first = sorted(values)[-2:]
    return [value - (second if value == first else first) for value in values]
