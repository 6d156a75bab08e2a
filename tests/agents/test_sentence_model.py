"""Finding a sentence model on this machine, with folders written by hand; no library is needed."""

import json
import sys
from importlib import invalidate_caches

import pytest

from agents.sentence_model import CONFIG_BYTES_MAX, find_model, read_folder
from bus.errors import EnvironmentProblem, InputError

TRANSFORMER = {"type": "sentence_transformers.models.Transformer", "path": ""}
POOLING = {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}
NORMALIZE = {"type": "sentence_transformers.models.Normalize", "path": "2_Normalize"}
DENSE = {"type": "sentence_transformers.models.Dense", "path": "2_Dense"}


def write_model(folder, modules=(TRANSFORMER, POOLING, NORMALIZE), pooling=None, config=None):
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "config.json").write_text(json.dumps(config or {"max_position_embeddings": 512}))
    (folder / "modules.json").write_text(json.dumps(list(modules)))
    pooling = pooling or {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 128}')
    return folder


def test_a_plain_transformer_needs_no_list_of_modules(tmp_path):
    folder = write_model(tmp_path / "m")
    before = read_folder(folder)
    (folder / "modules.json").unlink()
    assert before.folder == read_folder(folder).folder == folder
    assert before.sha256 != read_folder(folder).sha256


def test_every_module_with_weights_counts(tmp_path):
    folder = write_model(tmp_path / "m", (TRANSFORMER, POOLING, DENSE))
    (folder / "2_Dense").mkdir()
    with pytest.raises(InputError, match=r"2_Dense holds no model\.safetensors"):
        read_folder(folder)
    (folder / "2_Dense" / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(InputError, match=r"2_Dense has its weights only as pytorch_model\.bin"):
        read_folder(folder)
    (folder / "2_Dense" / "model.safetensors").write_bytes(b"dense")
    before = read_folder(folder).sha256
    (folder / "2_Dense" / "model.safetensors").write_bytes(b"other")
    assert read_folder(folder).sha256 != before


def test_older_tokenizers_count_too(tmp_path):
    folder = write_model(tmp_path / "m")
    (folder / "tokenizer.json").unlink()
    hashes = set()
    for words in ("one", "two"):
        (folder / "vocab.txt").write_text(words)
        hashes.add(read_folder(folder).sha256)
    assert len(hashes) == 2


def test_the_hash_is_of_what_decides_the_vector_and_of_nothing_else(tmp_path):
    folder = write_model(tmp_path / "m")
    before = read_folder(folder).sha256
    (folder / "README.md").write_text("words")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle that nobody reads")
    assert read_folder(folder).sha256 == before
    assert read_folder(write_model(tmp_path / "other")).sha256 == before
    (folder / "config_sentence_transformers.json").write_text('{"prompts": {}}')
    assert read_folder(folder).sha256 != before
    before = read_folder(folder).sha256
    names = "model.safetensors tokenizer.json config.json sentence_bert_config.json 1_Pooling/config.json"
    for name in names.split():
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content + b" ")
        assert read_folder(folder).sha256 != before
        (folder / name).write_bytes(content)


def test_weights_in_parts_count_all(tmp_path):
    folder = write_model(tmp_path / "m")
    (folder / "model.safetensors").unlink()
    hashes = set()
    for number in (1, 2):
        (folder / f"model-0000{number}-of-00002.safetensors").write_bytes(b"part")
        hashes.add(read_folder(folder).sha256)
    assert len(hashes) == 2


def spoil(folder, **files):
    for name, content in files.items():
        (folder / f"{name}.json").write_text(content)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda f: (f / "model.safetensors").unlink(), r"holds no model\.safetensors"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), r"pytorch_model\.bin.*pickle"),
        (lambda f: (f / "tokenizer.json").unlink(), r"holds no tokenizer\.json"),
        (lambda f: (f / "config.json").unlink(), r"config\.json: cannot read it"),
        (lambda f: spoil(f, config='{"auto_map": {"AutoModel": "evil.Model"}}'), "code of its own"),
        (lambda f: spoil(f, tokenizer_config='{"auto_map": "evil.Tokenizer"}'), "code of its own"),
        (lambda f: spoil(f, adapter_config="{}"), "an adapter needs another model"),
        (lambda f: spoil(f, config="{"), r"config\.json: .*truncated"),
        (lambda f: spoil(f, config="[" * 50_000), r"config\.json: "),
        (lambda f: spoil(f, config=" " * (CONFIG_BYTES_MAX + 1)), "it is no configuration"),
        (
            lambda f: spoil(f, modules=json.dumps([TRANSFORMER, POOLING, {"type": "evil.Dense"}])),
            r"'evil\.Dense' is code of the model's own",
        ),
        (
            lambda f: spoil(f, modules=json.dumps([{"type": "sentence_transformers.models.WordEmbeddings"}])),
            "cannot use a model of WordEmbeddings",
        ),
        (
            lambda f: spoil(f, modules=json.dumps([TRANSFORMER, {**POOLING, "path": "../.."}])),
            "leads out of the folder",
        ),
    ],
)
def test_what_is_missing_unsafe_or_unknown_is_named(tmp_path, change, problem):
    folder = write_model(tmp_path / "m")
    change(folder)
    with pytest.raises(InputError, match=problem) as refusal:
        read_folder(folder)
    assert "\n" not in str(refusal.value)


def test_a_name_is_looked_for_in_packages_then_in_the_cache_then_as_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    with pytest.raises(InputError, match=r"no sentence model 'Tiny-v1\.5' on this machine, and none is down"):
        find_model("Tiny-v1.5")
    local = write_model(tmp_path / "Tiny-v1.5")
    assert find_model("Tiny-v1.5").folder.resolve() == local
    repository = tmp_path / "cache" / "models--sentence-transformers--Tiny-v1.5"
    snapshot = write_model(repository / "snapshots" / "0abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0abc\n")
    assert find_model("Tiny-v1.5").folder == snapshot
    package = tmp_path / "site" / "gt_tiny_v1_5"
    inside = write_model(package / "model")
    (package / "__init__.py").write_text("raise AssertionError('a package of a model is never imported')")
    invalidate_caches()
    for name in ("Tiny-v1.5", "sentence-transformers/Tiny-v1.5", "gt-tiny-v1-5"):
        assert find_model(name).folder == inside
    assert find_model(str(local)).folder == local
    assert "gt_tiny_v1_5" not in sys.modules


def test_a_branch_of_the_cache_that_leads_elsewhere_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    repository = tmp_path / "cache" / "models--ada--tiny"
    write_model(tmp_path / "secret")
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("../../../secret")
    with pytest.raises(InputError, match="no sentence model 'ada/tiny'"):
        find_model("ada/tiny")


def test_without_its_libraries_the_embedder_says_what_to_install(tmp_path, monkeypatch):
    from agents.semantic import semantic_embedder

    monkeypatch.setitem(sys.modules, "torch", None)
    folder = write_model(tmp_path / "m")
    with pytest.raises(EnvironmentProblem, match=r"pip install 'trinity-bus\[semantic\]'"):
        semantic_embedder(str(folder))
