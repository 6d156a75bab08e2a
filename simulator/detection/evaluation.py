"""What probabilities are worth, measured against labels. Must not train or read files."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from agents.lexicon import KINDS, LABELS, NONE_INDEX
from bus.bodies import Label, PatternKind
from simulator.detection.labelled import LabelledRecord

BIN_COUNT = 10
"""Of the reliability table; each is a tenth of confidence wide."""
MISTAKE_COUNT_MAX = 20
MESSAGE_CHARACTERS_MAX = 100

Probabilities = npt.NDArray[np.float64]


class LabelQuality(Struct, frozen=True):
    label: Label
    record_count: int
    recall: float | None
    """None if no record has the label."""
    precision: float | None
    """None if none was given the label."""


class Bin(Struct, frozen=True):
    """The records judged with about the same confidence."""

    confidence_from: float
    record_count: int
    mean_confidence: float
    right_share: float


class AlarmQuality(Struct, frozen=True):
    """What would be published at the thresholds."""

    alarm_count: int
    right_count: int
    """Alarms about a record that is a pattern, of whatever kind."""
    pattern_count: int
    """Records that are one."""
    right_kind_count: int

    @property
    def precision(self) -> float | None:
        return self.right_count / self.alarm_count if self.alarm_count else None

    @property
    def recall(self) -> float | None:
        return self.right_count / self.pattern_count if self.pattern_count else None


class Mistake(Struct, frozen=True):
    line: int
    label: Label
    judged: Label
    confidence: float
    message: str


class Evaluation(Struct, frozen=True):
    record_count: int
    balanced_accuracy: float
    """Mean recall of the labels that occur."""
    text_only_balanced_accuracy: float
    """The same on the messages alone."""
    accuracy: float
    calibration_error: float
    """Expected calibration error (Guo et al., ICML 2017), :data:`BIN_COUNT` bins of equal width."""
    labels: tuple[LabelQuality, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Rows are the truth, columns what was judged, both in the order of ``labels``."""
    reliability: tuple[Bin, ...]
    alarms: AlarmQuality
    mistakes: tuple[Mistake, ...]
    """The most confident first."""


def evaluated(
    records: Sequence[LabelledRecord],
    probabilities: Probabilities,
    text_only: Probabilities,
    thresholds: Mapping[PatternKind, float],
) -> Evaluation:
    """All figures of one set of records; of equally likely labels the later one counts, as in a run."""
    truths = np.array([LABELS.index(record.label) for record in records])
    judged = winners(probabilities)
    confidences = probabilities.max(axis=1)
    confusion = confusion_of(truths, judged)
    return Evaluation(
        record_count=len(records),
        balanced_accuracy=balanced_accuracy(confusion),
        text_only_balanced_accuracy=balanced_accuracy(confusion_of(truths, winners(text_only))),
        accuracy=round(float((truths == judged).mean()), 4),
        calibration_error=calibration_error(reliability_of(confidences, truths == judged)),
        labels=_label_qualities(confusion),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        reliability=reliability_of(confidences, truths == judged),
        alarms=_alarms(truths, judged, confidences, thresholds),
        mistakes=_mistakes(records, judged, confidences),
    )


def winners(probabilities: Probabilities) -> npt.NDArray[np.int64]:
    last: npt.NDArray[np.int64] = len(LABELS) - 1 - probabilities[:, ::-1].argmax(axis=1)
    return last


def confusion_of(truths: npt.NDArray[np.int64], judged: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    size = len(LABELS)
    return np.bincount(truths * size + judged, minlength=size * size).reshape(size, size)


def balanced_accuracy(confusion: npt.NDArray[np.int64]) -> float:
    counts = confusion.sum(axis=1)
    there = counts > 0
    return round(float((confusion.diagonal()[there] / counts[there]).mean()), 4)


def reliability_of(confidences: Probabilities, is_right: npt.NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Bins that hold a record, from the least confident up; a confidence of 1 is in the last."""
    places = np.minimum((confidences * BIN_COUNT).astype(np.int64), BIN_COUNT - 1)
    bins = []
    for place in range(BIN_COUNT):
        inside = places == place
        if inside.any():
            mean, share = float(confidences[inside].mean()), float(is_right[inside].mean())
            bins.append(Bin(place / BIN_COUNT, int(inside.sum()), round(mean, 4), round(share, 4)))
    return tuple(bins)


def calibration_error(bins: Sequence[Bin]) -> float:
    total = sum(b.record_count for b in bins)
    return round(sum(b.record_count * abs(b.mean_confidence - b.right_share) for b in bins) / total, 4)


def _label_qualities(confusion: npt.NDArray[np.int64]) -> tuple[LabelQuality, ...]:
    truth_counts, judged_counts = confusion.sum(axis=1), confusion.sum(axis=0)
    return tuple(
        LabelQuality(
            label,
            int(truth_counts[i]),
            _share(confusion[i, i], truth_counts[i]),
            _share(confusion[i, i], judged_counts[i]),
        )
        for i, label in enumerate(LABELS)
    )


def _share(part: np.int64, whole: np.int64) -> float | None:
    return round(float(part / whole), 4) if whole else None


def _alarms(
    truths: npt.NDArray[np.int64],
    judged: npt.NDArray[np.int64],
    confidences: Probabilities,
    thresholds: Mapping[PatternKind, float],
) -> AlarmQuality:
    # Nothing is as likely as 2: "none" is never an alarm.
    least = np.array([*(thresholds[kind] for kind in KINDS), 2.0])
    alarmed = confidences > least[judged]
    is_pattern = truths != NONE_INDEX
    return AlarmQuality(
        alarm_count=int(alarmed.sum()),
        right_count=int((alarmed & is_pattern).sum()),
        pattern_count=int(is_pattern.sum()),
        right_kind_count=int((alarmed & (truths == judged)).sum()),
    )


def _mistakes(
    records: Sequence[LabelledRecord], judged: npt.NDArray[np.int64], confidences: Probabilities
) -> tuple[Mistake, ...]:
    wrong = [i for i, record in enumerate(records) if LABELS[judged[i]] != record.label]
    wrong.sort(key=lambda i: (-confidences[i], records[i].line))
    return tuple(
        Mistake(
            records[i].line,
            records[i].label,
            LABELS[judged[i]],
            float(confidences[i]),
            records[i].telemetry.message[:MESSAGE_CHARACTERS_MAX],
        )
        for i in wrong[:MISTAKE_COUNT_MAX]
    )
