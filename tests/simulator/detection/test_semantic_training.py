"""Training the head of a sentence model, on small samples and with a model that is no model."""

import numpy as np
import pytest

from agents.dense_file import decode_head
from agents.lexicon import LABELS
from bus.errors import InputError
from simulator.detection import semantic_training, training
from simulator.detection.evaluation import winners
from simulator.detection.labelled import read_labelled
from simulator.detection.semantic_training import encoded_head, prepared_dense, trained_head, vectors_of
from simulator.detection.semantic_validation import semantic_cross_validated, semantic_judged
from simulator.detection.templates import filled_templates
from simulator.detection.training import prepared, trained
from tests.agents.encoders import FAKE_SHA256, fake_embedder
from tests.simulator.detection.samples import write_samples

UNSEEN = {
    "duplication": "the willow was pasted into the brook again",
    "flaky_test": "the willow check wobbles when the brook is slow",
    "none": "the willow met the brook at noon",
}


@pytest.fixture(scope="module", autouse=True)
def few_templates():
    """One filling of every tenth template, so that training takes no time."""
    few = filled_templates(1, copies=1)[::10]
    with pytest.MonkeyPatch.context() as patch:
        for module in (semantic_training, training):
            patch.setattr(module, "filled_templates", lambda seed: few)
        yield


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return read_labelled(write_samples(tmp_path_factory.mktemp("data")), "project").records


@pytest.fixture(scope="module")
def embedder():
    return fake_embedder(dimension_count=1024)


def test_what_a_small_set_teaches_is_learned(records, embedder):
    head = trained_head(prepared_dense(records, embedder))
    judged = head.steps(vectors_of(list(UNSEEN.values()), embedder)).argmax(axis=1)
    assert [LABELS[i] for i in judged] == list(UNSEEN)
    assert head.encoder_sha256 == FAKE_SHA256


def test_the_card_says_what_the_head_was_trained_from_and_for(records, embedder):
    text = encoded_head(records, embedder, "tiny", "ab", 1)
    card = decode_head(text.encode(), "tiny.csv").card
    assert (card.encoder, card.encoder_sha256, card.dimension_count) == ("tiny", FAKE_SHA256, 1024)
    assert (card.record_count, card.data_sha256, card.seed) == (len(records), "ab", 1)
    assert encoded_head(records, embedder, "tiny", "ab", 1) == text


def test_no_record_is_too_few(embedder):
    with pytest.raises(InputError, match="no record is left"):
        prepared_dense([], embedder)


def test_leaving_a_group_out_takes_all_of_it_and_no_template(records, embedder):
    whole = prepared_dense(records, embedder)
    rest = whole.without("ada/boat")
    assert len(whole.targets) - len(rest.targets) == sum(r.group == "ada/boat" for r in records)
    assert rest.groups.count(None) == whole.groups.count(None) > 0
    assert len(rest.vectors) == len(rest.targets) == len(rest.groups)


def test_groups_are_judged_by_weights_that_never_saw_them(records, embedder):
    swapped = {"duplication": "none", "none": "flaky_test", "flaky_test": "duplication"}
    odd = [r._replace(label=swapped[r.label]) if r.family == "cy" else r for r in records]
    judged = semantic_cross_validated(odd, embedder)
    right = np.array([LABELS[i] == r.label for i, r in zip(winners(judged.whole), odd, strict=True)])
    is_odd = np.array([record.family == "cy" for record in odd])
    assert right[is_odd].mean() < 0.2
    assert semantic_cross_validated(records, embedder, lambda r: r.family != "cy").whole.shape == (
        len(records),
        len(LABELS),
    )


def test_one_group_cannot_be_left_out(records, embedder):
    with pytest.raises(InputError, match="name 1 groups"):
        semantic_cross_validated([record for record in records if record.family == "ada"], embedder)


def test_words_and_meaning_are_both_heard(records, embedder):
    model, head = trained(prepared(records)), trained_head(prepared_dense(records, embedder))
    vectors = vectors_of([record.telemetry.message for record in records], embedder)
    both = semantic_judged(model, head, records, vectors).whole
    deaf = head._replace(weights=np.zeros_like(head.weights), bias=np.zeros_like(head.bias))
    words = semantic_judged(model, deaf, records, vectors).whole
    assert (winners(both) == [LABELS.index(record.label) for record in records]).mean() > 0.9
    assert not np.array_equal(both, words)
