"""What the words and fields of a record say, on small samples written by hand for this file."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.detector import THRESHOLDS, Detector, checked_thresholds
from agents.embedder import SCALE, HashingEmbedder
from agents.experience import Experience
from agents.lexicon import KINDS, LABELS, default_lexicon, parse_lexicon
from agents.lexicon_judge import LexiconJudge
from agents.memory import ListMemory
from agents.text import mask_numbers, split_words
from bus.bodies import FeedbackGiven, PatternLearned, TelemetryReceived
from bus.errors import InputError

SAMPLES = {
    "critical_error": [
        TelemetryReceived("Kernel panic: attempted to kill init", severity="FATAL"),
        TelemetryReceived("java.lang.NullPointerException at Parser.next(Parser.java:81)"),
        TelemetryReceived("api-server segfaults when the header is longer than 8 kB"),
        TelemetryReceived("IndexError: list index out of range", error_type="IndexError", file="a.py"),
        TelemetryReceived("Replica set lost quorum, data loss on 2 shards", severity="critical"),
        TelemetryReceived("Scheduler hung, no job has run since 03:00", severity="error"),
    ],
    "constitution_violation": [
        TelemetryReceived("Missing function docstring", rule="D103", file="x.py", line=4),
        TelemetryReceived('Name "x" is not defined', rule="name-defined", severity="error"),
        TelemetryReceived("pylint: 3 new warnings in the parser"),
        TelemetryReceived("Trailing whitespace in seven files"),
        TelemetryReceived("Function signature lacks type annotations"),
    ],
    "feature_request": [
        TelemetryReceived("As a user I would like to rename my boards"),
        TelemetryReceived("Please add support for YAML front matter"),
        TelemetryReceived("It would be nice to have an export button"),
        TelemetryReceived("Feature request: colour themes"),
        TelemetryReceived("Allow more than one mail address"),
    ],
    "duplication": [
        TelemetryReceived("Much the same text in 2 files", rule="duplicate-code", severity="refactor"),
        TelemetryReceived("The parser and the printer contain the same code twice"),
        TelemetryReceived("Copy-paste of the login handler in three modules"),
        TelemetryReceived("Code duplication between the two exporters"),
    ],
    "flaky_test": [
        TelemetryReceived("ParserTest.reads_empty_file is flaky"),
        TelemetryReceived("test_upload fails intermittently on Windows"),
        TelemetryReceived("Unit test passes on retry", test_name="test_clock"),
        TelemetryReceived("Sporadic failure in integration tests"),
    ],
    "none": [
        TelemetryReceived("Connection from 10.0.0.7 closed", severity="INFO"),
        TelemetryReceived("--- PASS: TestRoundTrip (0.04s)"),
        TelemetryReceived("Bump setuptools from 68.0 to 69.1"),
        TelemetryReceived("How can I run the linter on one file only?"),
        TelemetryReceived("Improve wording of error messages"),
        TelemetryReceived("Fix crash when the list is empty"),
        TelemetryReceived("Exception swallowed on shutdown", severity="DEBUG"),
        TelemetryReceived("3 duplicate requests were dropped", severity="info"),
        TelemetryReceived("0 errors, 0 warnings"),
        TelemetryReceived(""),
    ],
}


def make_detector(cache_size_max: int = 100, thresholds=THRESHOLDS) -> Detector:
    embedder = HashingEmbedder()
    memory = ListMemory(embedder.name, embedder.dimension_count)
    judge = LexiconJudge(default_lexicon())
    return Detector(judge, Experience(memory, embedder), embedder, thresholds, cache_size_max)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return make_detector()


@pytest.mark.parametrize(
    ("label", "record"), [(label, record) for label, records in SAMPLES.items() for record in records]
)
def test_a_plain_sample_is_recognised(detector, label, record):
    assert detector.detect(record).label == label


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_confidence_above_the_threshold_is_published(kind):
    record = SAMPLES[kind][0]
    confidence = make_detector().detect(record).confidence
    at_it = make_detector(thresholds={**THRESHOLDS, kind: confidence}).detect(record)
    below = make_detector(thresholds={**THRESHOLDS, kind: confidence - 0.0001}).detect(record)
    assert not at_it.is_published
    assert below.is_published
    assert (at_it.label, at_it.confidence) == (below.label, below.confidence)


def test_no_detection_of_none_is_published(detector):
    assert not any(detector.detect(record).is_published for record in SAMPLES["none"])


def test_a_detection_says_what_spoke_for_it(detector):
    found = detector.detect(SAMPLES["flaky_test"][1])
    assert found.evidence[0] == "unstable test"


def test_markers_that_only_a_generator_would_write_change_nothing(detector):
    for records in SAMPLES.values():
        for record in records:
            for kind in KINDS:
                marked = TelemetryReceived(
                    record.message,
                    record.severity,
                    "shop",
                    record.file,
                    record.line,
                    record.error_type,
                    record.rule,
                    record.test_name,
                    {"user_intent": kind, "pattern": kind, "violation_type": kind, "label": kind},
                )
                assert detector.detect(marked) == detector.detect(record)


def test_numbers_and_identifiers_do_not_change_the_answer(detector):
    first = detector.detect(TelemetryReceived("worker 7 crashed at 0x7f3a, run 5f2c9b1e"))
    second = detector.detect(TelemetryReceived("worker 912 crashed at 0x11, run 00ab77cd"))
    assert first == second


@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_a_threshold_out_of_range_is_refused_by_kind(value):
    with pytest.raises(InputError, match=f"'duplication' is {value}"):
        checked_thresholds({**THRESHOLDS, "duplication": value})


def test_a_missing_threshold_is_refused_by_kind():
    with pytest.raises(InputError, match="'flaky_test'"):
        checked_thresholds({kind: 0.5 for kind in KINDS if kind != "flaky_test"})


def test_the_documented_thresholds_are_the_default():
    assert THRESHOLDS == {
        "critical_error": 0.9,
        "constitution_violation": 0.85,
        "duplication": 0.8,
        "flaky_test": 0.75,
        "feature_request": 0.7,
    }


TEXT = "crash flaky test duplicate code please add lint error ok 7 0 the ? Fix: getName"
words = st.sampled_from(TEXT.split())
records = st.builds(
    TelemetryReceived,
    message=st.lists(words, max_size=8).map(" ".join),
    severity=st.sampled_from([None, "INFO", "error", "warning"]),
    rule=st.sampled_from([None, "E501", "duplicate-code"]),
)


@settings(max_examples=30)
@given(st.lists(st.tuples(records, st.booleans(), st.sampled_from(KINDS)), max_size=6))
def test_answers_do_not_depend_on_the_size_of_the_cache(steps):
    """Each step judges a record, then learns from it; a stale or evicted entry would show."""
    detectors = [make_detector(cache_size_max=size) for size in (1, 2, 100)]
    judged = [record for record, _, _ in steps]
    for count, (record, confirmed, kind) in enumerate(steps, start=1):
        for seen in judged[:count]:
            answers = [detector.detect(seen) for detector in detectors]
            assert answers[0] == answers[1] == answers[2]
        for detector in detectors:
            pattern = detector._experience.lesson(FeedbackGiven(kind, confirmed, record.message)).pattern
            lesson = PatternLearned(
                pattern.pattern_id, kind, record.message, confirmed, pattern.match_count, 0.0, 0.0
            )
            detector._experience.apply(lesson)


@given(st.text(max_size=200), st.sampled_from([None, "fatal", "INFO"]))
def test_any_text_gets_a_label_and_a_confidence_from_0_to_1_with_four_decimals(message, severity):
    found = make_detector().detect(TelemetryReceived(message, severity))
    assert found.label in LABELS
    assert 0.0 <= found.confidence <= 0.999
    assert found.confidence == round(found.confidence, 4)


@given(st.text(max_size=100))
def test_vectors_hold_whole_numbers_of_about_one_length(text):
    vector = HashingEmbedder().embed(text)
    assert len(vector) == HashingEmbedder.dimension_count
    assert all(value == int(value) for value in vector)
    length_squared = sum(value * value for value in vector)
    assert length_squared == 0 or abs(length_squared**0.5 - SCALE) < SCALE * 0.1


def test_vectors_and_answers_are_the_same_under_any_hash_seed():
    code = (
        "from tests.agents.test_detector import SAMPLES, make_detector, HashingEmbedder\n"
        "d = make_detector()\n"
        "print([d.detect(r) for rs in SAMPLES.values() for r in rs])\n"
        "print(HashingEmbedder().embed('some words and some more'))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(outputs) == 1


def test_a_lone_zero_is_kept_and_other_numbers_are_masked():
    assert mask_numbers("0 of 12 failed, 0.5 s, id 7fae01c9, abcdef12") == "0 of # failed, #.# s, id #, #"


def test_camel_case_and_apostrophes_are_split_as_people_read_them():
    assert split_words("HTTPServerError can't getName") == ["http", "server", "error", "cant", "get", "name"]


def test_a_rule_with_an_unknown_group_is_refused_by_name():
    rule = 'name = "r"\nall = ["x"]\nweights = {none = 1}'
    text = f"[phrases]\n[starts]\n[fields.severity]\n[fields.rule]\n[[rules]]\n{rule}"
    with pytest.raises(InputError, match=r"my\.toml: rule 'r' names an unknown group 'x'"):
        parse_lexicon(text, "my.toml")


@pytest.mark.parametrize("text", ["[", "extra = 1", "[phrases]\na = 1"])
def test_a_damaged_lexicon_is_refused_with_its_place(text):
    with pytest.raises(InputError, match=r"^my\.toml is not a lexicon"):
        parse_lexicon(text, "my.toml")


def test_every_group_of_the_lexicon_is_used_by_a_rule():
    lexicon = default_lexicon()
    used = 0
    for rule in lexicon._rules:
        used |= rule.all_mask | rule.unless_mask
    assert [name for name, bit in lexicon._bits.items() if not used & bit] == []
