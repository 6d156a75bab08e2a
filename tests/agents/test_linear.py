"""The linear detector: features, whole-number sums, probabilities and the file of weights."""

import math
import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.detector import THRESHOLDS, Detector
from agents.embedder import HashingEmbedder
from agents.experience import Experience
from agents.features import DIMENSION_COUNT, HEAVY, features_of, named_features, stem_of
from agents.lexicon import KINDS, LABELS
from agents.linear import LinearModel
from agents.linear_file import Card, decode_model, default_model, encode_model, read_model
from agents.linear_judge import LinearJudge
from agents.memory import ListMemory
from agents.softmax import STEPS_PER_NAT, powers, probabilities_of
from agents.witness import Witness
from bus.bodies import (
    FeedbackGiven,
    PatternDetected,
    PatternLearned,
    TelemetryDismissed,
    TelemetryReceived,
)
from bus.errors import DamageError, InputError
from tests.agents.test_witness import handle

SAMPLES = {
    "critical_error": [
        TelemetryReceived("Mail relay crashes with a segmentation fault on start"),
        TelemetryReceived("TypeError: Cannot read properties of null", error_type="TypeError"),
    ],
    "constitution_violation": [
        TelemetryReceived("Unused variable 'total'", rule="no-unused-vars", severity="warning"),
        TelemetryReceived("Fix pylint warnings in the mailer"),
    ],
    "feature_request": [
        TelemetryReceived("Please add support for dark colours"),
        TelemetryReceived("Feature request: export boards as a table"),
    ],
    "duplication": [
        TelemetryReceived("Remove duplicated code from the exporters"),
        TelemetryReceived("Similar lines in 2 files", rule="duplicate-code", severity="refactor"),
    ],
    "flaky_test": [
        TelemetryReceived("test_upload is flaky on slow machines"),
        TelemetryReceived("Deflake the clock tests"),
    ],
}
EVERYDAY = [
    TelemetryReceived("Connection from 10.0.0.7 closed", severity="INFO"),
    TelemetryReceived("Starting mail relay on port 25", severity="INFO"),
    TelemetryReceived("Bump setuptools from 68.0 to 69.1"),
    TelemetryReceived("How can I sort the boards by name?"),
    TelemetryReceived("Fix typo in the guide"),
    TelemetryReceived("Merge branch 'main' into boards"),
    TelemetryReceived("PASSED test_round_trip", test_name="test_round_trip"),
    TelemetryReceived("Session 81 closed after 40 ms", severity="DEBUG"),
    TelemetryReceived(""),
]
GOLDEN_FEATURES = (23, 7, "b93e147778e92cdb")
GOLDEN_DECISIONS = "7f5413ea228be280"
ALL = [record for records in SAMPLES.values() for record in records] + EVERYDAY


def make_detector(cache_size_max: int = 100, thresholds=THRESHOLDS) -> Detector:
    embedder = HashingEmbedder()
    memory = ListMemory(embedder.name, embedder.dimension_count)
    judge = LinearJudge(default_model().model)
    return Detector(judge, Experience(memory, embedder), embedder, thresholds, cache_size_max)


def make_witness() -> Witness:
    embedder = HashingEmbedder()
    memory = ListMemory(embedder.name, embedder.dimension_count)
    return Witness(memory, embedder, LinearJudge(default_model().model))


def small_model(*rows: tuple[int, ...]) -> LinearModel:
    """Weights for the features 1, 2, ...; no bias."""
    weights = np.zeros((DIMENSION_COUNT, len(LABELS)), np.int16)
    for number, row in enumerate(rows, start=1):
        weights[number] = row
    return LinearModel(weights, np.zeros(len(LABELS), np.int64))


def small_file(**changes) -> str:
    card = Card("words-v2", LABELS, STEPS_PER_NAT, HEAVY, 0, (), 3, 4, "ab", 1)
    return encode_model(small_model((1, 2, 3, 4, 5, -6), (9, 0, 0, 0, 0, 0)), card)


def sealed(text: str) -> bytes:
    """The text with the digest that fits it, so that only what it says can be wrong."""
    return f"{sha256(text.encode()).hexdigest()}\n{text}".encode()


@pytest.mark.parametrize(("kind", "record"), [(kind, r) for kind, rs in SAMPLES.items() for r in rs])
def test_a_plain_sample_is_recognised(kind, record):
    assert make_detector().detect(record).label == kind


@pytest.mark.parametrize("record", EVERYDAY)
def test_everyday_lines_are_no_pattern(record):
    assert make_detector().detect(record).label == "none"


def test_the_features_are_these_numbers_on_every_machine():
    found = features_of(TelemetryReceived("Mail relay: 3 errors", severity="ERROR"))
    text = ",".join(map(str, found.ids))
    assert (len(found.ids), found.heavy_count, sha256(text.encode()).hexdigest()[:16]) == GOLDEN_FEATURES


def test_the_decisions_are_these_numbers_on_every_machine():
    """Changes only with the weights, the features or the arithmetic; then old runs no longer replay."""
    text = repr([(d.label, d.confidence) for d in map(make_detector().detect, ALL)])
    assert sha256(text.encode()).hexdigest()[:16] == GOLDEN_DECISIONS


def test_answers_are_the_same_under_any_hash_seed():
    code = (
        "from tests.agents.test_linear import ALL, make_detector\n"
        "d = make_detector()\nprint([d.detect(r) for r in ALL])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("0", "4711")
    }
    assert len(outputs) == 1


TEXT = "crash flaky add lint ok 7 0 the ? Fix: getName TypeError"
words = st.lists(st.sampled_from(TEXT.split()), max_size=8)
records = st.builds(
    TelemetryReceived,
    message=st.one_of(words.map(" ".join), st.text(max_size=60)),
    severity=st.sampled_from([None, "INFO", "error", "odd"]),
    rule=st.sampled_from([None, "E501", "duplicate-code"]),
    error_type=st.sampled_from([None, "TypeError"]),
    test_name=st.sampled_from([None, "test_a"]),
)


@given(records)
def test_a_feature_counts_once_and_every_one_has_a_name(record):
    found = features_of(record)
    assert len(set(found.ids)) == len(found.ids)
    assert {feature_id for _, feature_id in named_features(record)} == set(found.ids)


@given(st.lists(records, max_size=6))
def test_records_get_the_same_answer_one_by_one_and_in_a_batch(batch):
    model = default_model().model
    together = model.probabilities(batch).tolist()
    assert together == [probabilities_of(model.steps_of(features_of(record))) for record in batch]
    assert model.steps([features_of(record) for record in batch]).tolist() == [
        model.steps_of(features_of(record)) for record in batch
    ]


@given(st.lists(st.integers(-9_000, 9_000), min_size=6, max_size=6))
def test_probabilities_are_the_softmax_to_four_decimals(steps):
    most = max(steps)
    shares = [math.exp((step - most) / STEPS_PER_NAT) for step in steps]
    for probability, share in zip(probabilities_of(steps), shares, strict=True):
        assert abs(probability - share / sum(shares)) <= 0.5001e-4


def test_the_table_of_powers_is_that_of_exp():
    for steps, power in enumerate(powers()[:-1]):
        assert abs(power / 2**40 - math.exp(-steps / STEPS_PER_NAT)) < 2**-39


def test_names_of_components_files_and_tests_change_nothing():
    detector = make_detector()
    for record in ALL:
        marked = TelemetryReceived(
            record.message,
            record.severity,
            "crash",
            "crash.py",
            3,
            record.error_type,
            record.rule,
            record.test_name and "another_test",
            {"label": "critical_error"},
        )
        assert detector.detect(marked) == detector.detect(record)


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_confidence_above_the_threshold_is_published(kind):
    record = SAMPLES[kind][0]
    confidence = make_detector().detect(record).confidence
    at_it = make_detector(thresholds={**THRESHOLDS, kind: confidence}).detect(record)
    below = make_detector(thresholds={**THRESHOLDS, kind: confidence - 0.0001}).detect(record)
    assert not at_it.is_published
    assert below.is_published


def test_a_detection_says_in_words_what_spoke_for_it():
    found = make_detector().detect(SAMPLES["flaky_test"][0])
    assert any("flaky" in text for text in found.evidence)
    assert len(found.evidence) <= 6


@pytest.mark.parametrize("size", [1, 2])
def test_answers_do_not_depend_on_the_size_of_the_cache(size):
    small, large = make_detector(cache_size_max=size), make_detector()
    for record in [*ALL, *reversed(ALL)]:
        assert small.detect(record) == large.detect(record)


def test_confirmed_experience_raises_confidence_and_refuted_experience_silences():
    witness, message = make_witness(), "Mail relay crashes with a fault"
    before = handle(witness, TelemetryReceived(message)).data
    assert isinstance(before, PatternDetected)
    for confirmed, count, wanted in ((True, 3, PatternDetected), (False, 12, TelemetryDismissed)):
        changes = []
        for _ in range(count):
            learned = handle(witness, FeedbackGiven("critical_error", confirmed, message)).data
            assert isinstance(learned, PatternLearned)
            changes.append(learned.confidence_after - learned.confidence_before)
            witness.apply(learned)
        # What all feedback together can say is bounded, so the last of many says nothing new.
        assert all(change >= 0 if confirmed else change <= 0 for change in changes)
        assert any(changes)
        after = handle(witness, TelemetryReceived(message)).data
        assert isinstance(after, wanted)
        assert (after.confidence > before.confidence) == confirmed


def test_a_detection_names_the_nearest_known_pattern():
    witness, message = make_witness(), "Mail relay crashes with a segmentation fault"
    learned = handle(witness, FeedbackGiven("critical_error", True, message)).data
    assert isinstance(learned, PatternLearned)
    witness.apply(learned)
    found = handle(witness, TelemetryReceived(message)).data
    assert isinstance(found, PatternDetected)
    assert (found.nearest_pattern, found.similarity) == (learned.pattern_id, 1.0)
    assert found.evidence[-1] == f"known pattern: {message}"


@pytest.mark.parametrize(("word", "stem"), [("crashes", "crash"), ("stopped", "stop"), ("is", "is")])
def test_a_stem_is_the_word_without_its_ending(word, stem):
    assert stem_of(word) == stem


def test_weights_survive_being_written_and_read():
    decoded = decode_model(small_file().encode(), "w")
    assert decoded.model.weights[1].tolist() == [1, 2, 3, 4, 5, -6]
    assert decoded.card.row_count == 2
    assert encode_model(decoded.model, decoded.card) == small_file()


@pytest.mark.parametrize("place", [70, 200, -2])
def test_any_changed_byte_is_noticed(place):
    content = bytearray(small_file().encode())
    content[place] ^= 1
    with pytest.raises((DamageError, InputError)):
        decode_model(bytes(content), "w")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1,1,2,3,4,5,-6", "1,1,2,3,4,5"),
        ("2,9,", "1,9,"),
        ("2,9,", "70000,9,"),
        ("2,9,", "2,40000,"),
        ("2,9,", "2,x,"),
    ],
)
def test_numbers_out_of_range_are_damage_even_under_a_digest_that_fits(old, new):
    text = small_file().partition("\n")[2]
    assert old in text
    with pytest.raises(DamageError, match=r"^w is damaged"):
        decode_model(sealed(text.replace(old, new)), "w")


def test_weights_for_other_features_are_refused():
    text = small_file().partition("\n")[2].replace("words-v2", "words-v0")
    with pytest.raises(InputError, match="words-v0"):
        decode_model(sealed(text), "w")


def test_what_is_no_file_of_weights_is_refused_with_its_path(tmp_path):
    with pytest.raises(InputError, match="absent"):
        read_model(tmp_path / "absent")
    (tmp_path / "other").write_text("hello\n")
    with pytest.raises(InputError, match="other holds no weights"):
        read_model(tmp_path / "other")
