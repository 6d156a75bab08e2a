"""Running sentence models with the library: small ones with random weights, made on the spot.

Each test is a process of its own, because the library is imported only once and prints as it likes.
"""

import json
import subprocess
import sys

import pytest

from tests.agents.test_sentence_model import POOLING, TRANSFORMER

for library in ("torch", "sentence_transformers"):
    pytest.importorskip(library, reason="the extra semantic is not installed")

MAKE = """
import sys, torch
from pathlib import Path
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast
kind, folder = sys.argv[1:]
words = "<pad> <unk> the parser crashed on start please add colours query :".split()
tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
special = {"pad_token": "<pad>", "unk_token": "<unk>", "model_max_length": 32}
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)
fast.save_pretrained(folder)
torch.manual_seed(1)
sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
config = AutoConfig.for_model(kind, vocab_size=len(words), max_position_embeddings=64, **sizes)
AutoModel.from_config(config).save_pretrained(folder)
"""
ASK = """
import sys
from agents.semantic import SemanticEmbedder, semantic_embedder
embedder = semantic_embedder(sys.argv[1])
texts = ["the parser crashed", "please add colours", "the parser crashed on start " * 40, ""]
vectors = [list(embedder.embed(text)) for text in texts]
fresh = SemanticEmbedder(embedder._encoder)
assert [list(vector) for vector in fresh.embed_many(texts)] == vectors
assert not {"scipy", "sklearn"} & {*sys.modules}
print(vectors)
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def made(kind, folder):
    folder.mkdir()
    done = run(MAKE, kind, str(folder))
    assert done.returncode == 0, done.stderr
    return folder


def vectors_of(folder) -> list[list[float]]:
    done = run(ASK, str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["mpnet", "roberta"])
def test_any_transformer_runs_and_says_nothing(tmp_path, kind):
    crashed, colours, long, nothing = vectors_of(made(kind, tmp_path / kind))
    assert crashed != colours != long
    assert not any(nothing)
    assert any(crashed)


def test_the_prompt_of_the_model_is_put_in_front(tmp_path):
    folder = made("mpnet", tmp_path / "m")
    modules = [{**TRANSFORMER, "idx": 0, "name": "0"}, {**POOLING, "idx": 1, "name": "1"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    before = vectors_of(folder)
    prompts = {"prompts": {"query": "query: "}, "default_prompt_name": "query"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    assert vectors_of(folder) != before


@pytest.mark.parametrize(
    ("name", "content"), [("model.safetensors", "no weights"), ("config.json", '{"model_type": "no such"}')]
)
def test_a_damaged_model_is_named_in_one_line(tmp_path, name, content):
    folder = made("mpnet", tmp_path / "m")
    (folder / name).write_text(content)
    code = (
        "import sys\nfrom agents.semantic import semantic_embedder\nfrom bus.errors import InputError\n"
        "try:\n    semantic_embedder(sys.argv[1])\nexcept InputError as error:\n    print(error)\n"
    )
    done = run(code, str(folder))
    assert done.stdout.startswith(f"{folder}: ")
    assert done.stdout.count("\n") == 1
    assert done.stdout.endswith("take the model as it came\n")
