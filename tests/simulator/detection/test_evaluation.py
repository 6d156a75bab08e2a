"""The figures of an evaluation, each against a plain fold over a few records."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.detector import THRESHOLDS
from agents.lexicon import LABELS
from bus.bodies import Label, TelemetryReceived
from simulator.detection.evaluation import calibration_error, evaluated, reliability_of, winners
from simulator.detection.labelled import LabelledRecord
from simulator.detection.pictures import confusion_picture, reliability_picture

ROWS: list[tuple[Label, list[float]]] = [
    ("critical_error", [0.95, 0.01, 0.01, 0.01, 0.01, 0.01]),
    ("critical_error", [0.60, 0.10, 0.10, 0.10, 0.05, 0.05]),
    ("none", [0.02, 0.02, 0.90, 0.02, 0.02, 0.02]),
    ("none", [0.10, 0.10, 0.10, 0.10, 0.10, 0.50]),
    ("feature_request", [0.02, 0.90, 0.02, 0.02, 0.02, 0.02]),
    ("flaky_test", [0.02, 0.02, 0.02, 0.02, 0.05, 0.87]),
]


@pytest.fixture(scope="module")
def evaluation():
    records = [
        LabelledRecord(label, TelemetryReceived(f"text {n}"), "g", n + 1) for n, (label, _) in enumerate(ROWS)
    ]
    probabilities = np.array([row for _, row in ROWS])
    return evaluated(records, probabilities, probabilities, THRESHOLDS)


def test_balanced_accuracy_is_the_mean_recall_of_the_labels_that_occur(evaluation):
    # Recalls: critical_error 2/2, none 1/2, feature_request 0/1, flaky_test 0/1.
    assert evaluation.balanced_accuracy == pytest.approx(1.5 / 4)
    assert evaluation.accuracy == 0.5


def test_precision_and_recall_of_a_label_count_its_row_and_column(evaluation):
    quality = {q.label: (q.record_count, q.recall, q.precision) for q in evaluation.labels}
    assert quality["critical_error"] == (2, 1.0, 1.0)
    assert quality["none"] == (2, 0.5, 0.5)
    assert quality["duplication"] == (0, None, None)


def test_alarms_are_what_is_above_the_threshold_of_its_kind(evaluation):
    # 0.95 for a crash, 0.90 for a wish that was none, 0.90 for a violation that was a wish.
    alarms = evaluation.alarms
    assert (alarms.alarm_count, alarms.right_count, alarms.right_kind_count) == (3, 2, 1)
    assert alarms.pattern_count == 4
    assert (alarms.precision, alarms.recall) == (pytest.approx(2 / 3), 0.5)


def test_the_most_confident_mistake_comes_first_and_ties_go_by_line(evaluation):
    assert [(m.line, m.judged) for m in evaluation.mistakes] == [
        (3, "feature_request"),
        (5, "constitution_violation"),
        (6, "none"),
    ]


def test_of_equally_likely_labels_the_later_one_is_judged():
    assert [LABELS[i] for i in winners(np.array([[0.5, 0, 0, 0, 0, 0.5]]))] == ["none"]


@given(st.lists(st.tuples(st.integers(0, 10_000), st.booleans()), min_size=1, max_size=50))
def test_the_calibration_error_is_that_of_a_plain_fold(pairs):
    confidences = [whole / 10_000 for whole, _ in pairs]
    rights = [right for _, right in pairs]
    expected = 0.0
    for tenth in range(10):
        inside = [i for i, c in enumerate(confidences) if min(int(c * 10), 9) == tenth]
        gap = sum(confidences[i] for i in inside) - sum(rights[i] for i in inside)
        expected += abs(gap) / len(pairs)
    bins = reliability_of(np.array(confidences), np.array(rights))
    assert calibration_error(bins) == pytest.approx(expected, abs=2e-4)
    assert sum(b.record_count for b in bins) == len(pairs)


def test_the_pictures_show_every_count_and_refer_to_nothing_outside(evaluation):
    picture = confusion_picture(evaluation)
    assert picture.count("<rect") == 1 + len(LABELS) ** 2
    for text in (picture, reliability_picture(evaluation)):
        assert text.startswith("<svg ")
        assert "href" not in text
