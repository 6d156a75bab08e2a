"""The embedder of a run: resolved by its digests, refused when it is another, and not loaded for nothing."""

import numpy as np
import pytest
from msgspec.structs import replace

from agents import semantic
from agents.dense import DenseHead
from agents.dense_file import encode_head
from agents.sentence_model import find_model
from bus.errors import InputError
from simulator import embedding
from simulator.embedding import check_embedder, embedder_of, evidence_of, head_content
from simulator.errors import ScenarioError
from simulator.options import Options, resolve
from simulator.scenario import HASHING
from simulator.scenario_file import load_scenario
from simulator.scenario_rules import check_scenario
from tests.agents.encoders import fake_embedder
from tests.agents.test_dense import small_card
from tests.agents.test_sentence_model import write_model


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "tiny")


@pytest.fixture
def loads(monkeypatch):
    """A model that needs no library stands in for the loaded one; how often it was loaded."""
    loaded = []

    def load(found):
        loaded.append(found.folder)
        return fake_embedder(found.sha256)

    monkeypatch.setattr(semantic, "semantic_embedder", load)
    embedding.embedder_named.cache_clear()
    yield loaded
    embedding.embedder_named.cache_clear()


def resolved(embedder, **changes):
    soak = load_scenario("soak")
    return resolve(replace(soak, witness=replace(soak.witness, **changes)), Options(embedder=embedder))


def head_file(folder, sha256):
    head = DenseHead(np.ones((8, 6), np.int64), np.array([900, 0, 0, 0, 0, 0]), sha256)
    path = folder / "my-head.csv"
    path.write_text(encode_head(head, small_card()))
    return path


def with_head(scenario, path):
    witness = replace(scenario.witness, head=str(path), head_sha256=None)
    return resolve(replace(scenario, witness=witness), Options())


def test_the_hashing_embedder_has_no_digest_and_changes_none():
    plain = resolve(load_scenario("soak"), Options())
    assert resolved(HASHING) == plain
    assert (plain.witness.embedder_sha256, plain.witness.head_sha256) == (None, None)
    assert evidence_of(plain.witness) is None
    assert head_content(plain) is None


def test_a_model_is_resolved_to_its_digest_and_counts_by_it_alone(model, loads):
    scenario = resolved(str(model))
    assert scenario.witness.embedder_sha256 == find_model(str(model)).sha256
    assert scenario.sha256() != resolve(load_scenario("soak"), Options()).sha256()
    copy = write_model(model.parent / "copy")
    assert resolved(str(copy)).sha256() == scenario.sha256()
    (copy / "model.safetensors").write_bytes(b"other weights")
    assert resolved(str(copy)).sha256() != scenario.sha256()
    assert not loads, "a digest needs no loaded model"


def test_a_folder_is_resolved_to_its_whole_path(model, monkeypatch):
    monkeypatch.chdir(model.parent)
    assert resolved("./tiny").witness.embedder == str(model)


def test_the_head_that_comes_along_is_not_for_every_model(model, loads):
    scenario = resolved(str(model))
    assert scenario.witness.head_sha256 is None
    assert evidence_of(scenario.witness) is None
    assert not loads


def test_a_head_of_the_model_is_resolved_and_judges(model, loads):
    scenario = resolved(str(model))
    path = head_file(model.parent, scenario.witness.embedder_sha256)
    scenario = with_head(scenario, path)
    assert scenario.witness.head == str(path)
    assert head_content(scenario) == path.read_text()
    evidence = evidence_of(scenario.witness)
    assert evidence is not None
    assert embedder_of(scenario.witness) is embedder_of(scenario.witness)
    assert loads == [model]


def test_a_head_of_another_model_is_refused(model):
    path = head_file(model.parent, "cd" * 32)
    with pytest.raises(InputError, match="is for another sentence model than"):
        with_head(resolved(str(model)), path)


def test_a_model_that_changed_is_refused_in_one_line(model):
    scenario = resolved(str(model))
    check_embedder(scenario.witness)
    embedding.embedder_named.cache_clear()
    (model / "model.safetensors").write_bytes(b"other weights")
    witness = scenario.witness
    for refused in (check_embedder, embedder_of, lambda _: resolve(scenario, Options())):
        with pytest.raises(InputError, match=r"SHA-256 \w{12}, and the scenario names \w{12}") as refusal:
            refused(witness)
        assert "\n" not in str(refusal.value)
    assert resolve(scenario, Options(embedder=str(model))) != scenario


def test_a_head_that_changed_is_refused(model):
    scenario = resolved(str(model))
    path = head_file(model.parent, scenario.witness.embedder_sha256)
    scenario = with_head(scenario, path)
    other = DenseHead(np.zeros((8, 6), np.int64), np.zeros(6, np.int64), scenario.witness.embedder_sha256)
    path.write_text(encode_head(other, small_card()))
    with pytest.raises(InputError, match=r"a run keeps a copy of its own, head\.csv"):
        resolve(scenario, Options())
    with pytest.raises(InputError, match=r"SHA-256 \w{12}, and the scenario names \w{12}"):
        head_content(scenario)
    path.unlink()
    with pytest.raises(InputError, match="cannot read it"):
        head_content(scenario)


def test_the_head_that_comes_along_is_copied_as_it_is():
    from agents.dense_file import default_head

    soak, packaged = load_scenario("soak"), default_head().sha256
    settings = replace(soak.witness, head_sha256=packaged)
    content = head_content(replace(soak, witness=settings))
    assert content is not None
    assert content.partition("\n")[0] == packaged


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"embedder": ""}, "witness.embedder"),
        ({"embedder_sha256": "ab"}, "witness.embedder_sha256"),
        ({"head": "x.csv"}, "witness.head"),
        ({"embedder": "m", "detector": "lexicon", "head": "x.csv"}, "witness.head"),
        ({"head_sha256": "ab"}, "witness.head_sha256"),
    ],
)
def test_settings_that_make_no_sense_together_are_named(changes, key):
    soak = load_scenario("soak")
    with pytest.raises(ScenarioError, match=key):
        check_scenario(replace(soak, witness=replace(soak.witness, **changes)), "x")
