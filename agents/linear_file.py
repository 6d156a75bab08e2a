"""A file of trained weights: a digest, a line of JSON, and numbers. Must not run anything it reads.

Line 1 is the SHA-256 of all that follows it, in hexadecimal. Line 2 is a :class:`Card`. Each further line has
the number of a feature and its weight for each label, with commas; the features rise, and one without any
weight has no line.
"""

from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from agents.features import DIMENSION_COUNT, FEATURES_VERSION, HEAVY
from agents.lexicon import LABELS
from agents.linear import LinearModel
from agents.softmax import STEPS_PER_NAT
from bus.errors import DamageError, InputError

FILE_BYTES_MAX = 10_000_000
WEIGHT_MAX = 32_767
_BIAS_MAX = 1 << 20
_DIGEST_CHARACTERS = 64
_EXPECTED = (FEATURES_VERSION, LABELS, STEPS_PER_NAT, HEAVY)


class Card(Struct, frozen=True, forbid_unknown_fields=True):
    """What the weights are and what they were trained on."""

    features: str
    """:data:`agents.features.FEATURES_VERSION`."""
    labels: tuple[str, ...]
    steps_per_nat: int
    heavy: int
    row_count: int
    bias: tuple[int, ...]
    record_count: int
    """Labelled records that trained it, templates not counted."""
    template_count: int
    """Records filled from the project's own templates."""
    data_sha256: str
    """Of the file of labelled records."""
    seed: int
    """Of the fillings of the templates."""


class ModelFile(NamedTuple):
    model: LinearModel
    card: Card
    sha256: str
    """Of all but the first line."""


def encode_model(model: LinearModel, card: Card) -> str:
    """The text of a file; the card's ``row_count`` and ``bias`` are taken from the model."""
    features = np.flatnonzero(model.weights.any(axis=1))
    bias = tuple(int(value) for value in model.bias)
    filled = msgspec.structs.replace(card, row_count=len(features), bias=bias)
    rows = np.column_stack([features, model.weights[features]]).tolist()
    lines = [msgspec.json.encode(filled).decode(), *(",".join(map(str, row)) for row in rows)]
    text = "\n".join(lines) + "\n"
    return sha256(text.encode()).hexdigest() + "\n" + text


def decode_model(content: bytes, place: str) -> ModelFile:
    """The model in a file's content; ``place`` names the file in errors.

    Raises:
        DamageError: the digest or a number is wrong.
        InputError: no such file, or one of another version.
    """
    digest, _, rest = content.partition(b"\n")
    header, _, numbers = rest.partition(b"\n")
    if len(digest) != _DIGEST_CHARACTERS or not header.startswith(b"{"):
        raise InputError(f"{place} holds no weights; make such a file with `trinity witness train`")
    if sha256(rest).hexdigest().encode() != digest:
        raise DamageError(f"{place} is damaged: its SHA-256 is not the one that it names; take a copy of it")
    try:
        card = msgspec.json.decode(header, type=Card)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(f"{place} is of another version ({error}); train it again") from None
    if (card.features, card.labels, card.steps_per_nat, card.heavy) != _EXPECTED:
        raise InputError(f"{place} is for other features or labels ({card.features}); train it again")
    rows = _rows(numbers, place)
    _check(card, rows, place)
    weights = np.zeros((DIMENSION_COUNT, len(LABELS)), np.int16)
    weights[rows[:, 0]] = rows[:, 1:]
    return ModelFile(LinearModel(weights, np.array(card.bias, np.int64)), card, digest.decode())


def _rows(numbers: bytes, place: str) -> npt.NDArray[np.int64]:
    lines = [line.split(b",") for line in numbers.splitlines()]
    if any(len(line) != 1 + len(LABELS) for line in lines):
        raise DamageError(f"{place} is damaged: a line has not {1 + len(LABELS)} numbers; take a copy of it")
    try:
        values = [[int(value) for value in line] for line in lines]
        return np.array(values, np.int64).reshape(-1, 1 + len(LABELS))
    except (ValueError, OverflowError) as error:
        raise DamageError(f"{place} is damaged: {error}; take a copy of it") from None


def _check(card: Card, rows: npt.NDArray[np.int64], place: str) -> None:
    features, weights = rows[:, 0], rows[:, 1:]
    sound = (
        card.row_count == len(rows)
        and len(card.bias) == len(LABELS)
        and all(abs(value) <= _BIAS_MAX for value in card.bias)
        and bool((np.diff(features) > 0).all())
        and bool(((features >= 0) & (features < DIMENSION_COUNT)).all())
        and bool((np.abs(weights) <= WEIGHT_MAX).all())
    )
    if not sound:
        raise DamageError(f"{place} is damaged: its numbers are out of range; take a copy of it")


def read_model(path: Path) -> ModelFile:
    """Raises InputError if there is no such file, and what :func:`decode_model` raises."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise InputError(f"{path} is larger than {FILE_BYTES_MAX:,} bytes; it holds no weights")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot read it: {error.strerror}; give a file of weights") from None
    return decode_model(content, str(path))


@cache
def default_model() -> ModelFile:
    """The weights that come with the package; read once a process, and never changed."""
    content = (resources.files("agents") / "data" / "weights.csv").read_bytes()
    return decode_model(content, "agents/data/weights.csv")
