"""A file of a dense head: a digest, a line of JSON, and numbers. Must not run anything it reads.

Line 1 is the SHA-256 of all that follows it, in hexadecimal. Line 2 is a :class:`HeadCard`. Each further line
has the weights of one dimension for each label, with commas.
"""

from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import Struct

from agents.dense import DenseHead, Weights
from agents.embedder import SCALE
from agents.lexicon import LABELS
from agents.softmax import STEPS_PER_NAT
from bus.errors import DamageError, InputError

FILE_BYTES_MAX = 1_000_000
DIMENSION_COUNT_MAX = 4_096
WEIGHT_MAX = 1 << 20
DEFAULT_PLACE = "agents/data/minilm-head.csv"
_DIGEST_CHARACTERS = 64
_EXPECTED = (LABELS, STEPS_PER_NAT, SCALE)


class HeadCard(Struct, frozen=True, forbid_unknown_fields=True):
    """What the head is and what it was trained on."""

    encoder: str
    """Name that the sentence model was asked for by."""
    encoder_sha256: str
    """Of its weights and its other files; see :mod:`agents.sentence_model`."""
    labels: tuple[str, ...]
    steps_per_nat: int
    scale: int
    """Length of the vectors."""
    dimension_count: int
    bias: tuple[int, ...]
    record_count: int
    """Labelled records that trained it, templates not counted."""
    template_count: int
    """Records filled from the project's own templates."""
    data_sha256: str
    """Of the file of labelled records."""
    seed: int
    """Of the fillings of the templates."""


class HeadFile(NamedTuple):
    head: DenseHead
    card: HeadCard
    sha256: str
    """Of all but the first line."""


def encode_head(head: DenseHead, card: HeadCard) -> str:
    """The text of a file; what the card says about the numbers is taken from the head."""
    filled = msgspec.structs.replace(
        card,
        encoder_sha256=head.encoder_sha256,
        dimension_count=len(head.weights),
        bias=tuple(int(value) for value in head.bias),
    )
    lines = [
        msgspec.json.encode(filled).decode(),
        *(",".join(map(str, row)) for row in head.weights.tolist()),
    ]
    text = "\n".join(lines) + "\n"
    return sha256(text.encode()).hexdigest() + "\n" + text


def decode_head(content: bytes, place: str) -> HeadFile:
    """The head in a file's content; ``place`` names the file in errors.

    Raises:
        DamageError: the digest or a number is wrong.
        InputError: no such file, or one of another version.
    """
    digest, _, rest = content.partition(b"\n")
    header, _, numbers = rest.partition(b"\n")
    if len(digest) != _DIGEST_CHARACTERS or not header.startswith(b"{"):
        raise InputError(f"{place} holds no head of a sentence model; train one, see docs/semantic.md")
    if sha256(rest).hexdigest().encode() != digest:
        raise DamageError(f"{place} is damaged: its SHA-256 is not the one that it names; take a copy of it")
    try:
        card = msgspec.json.decode(header, type=HeadCard)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(f"{place} is of another version ({error}); train it again") from None
    if (card.labels, card.steps_per_nat, card.scale) != _EXPECTED:
        raise InputError(f"{place} is for other labels or vectors; train it again")
    weights = _rows(numbers, place)
    is_sound = (
        weights.shape == (card.dimension_count, len(LABELS))
        and card.dimension_count <= DIMENSION_COUNT_MAX
        and len(card.bias) == len(LABELS)
        and bool((np.abs(weights) <= WEIGHT_MAX).all())
        and all(abs(value) <= WEIGHT_MAX for value in card.bias)
    )
    if not is_sound:
        raise DamageError(f"{place} is damaged: its numbers are out of range; take a copy of it")
    head = DenseHead(weights, np.array(card.bias, np.int64), card.encoder_sha256)
    return HeadFile(head, card, digest.decode())


def _rows(numbers: bytes, place: str) -> Weights:
    try:
        values = [[int(value) for value in line.split(b",")] for line in numbers.splitlines()]
        return np.array(values, np.int64)
    except (ValueError, OverflowError) as error:
        raise DamageError(f"{place} is damaged: {error}; take a copy of it") from None


def read_head(path: Path) -> HeadFile:
    """Raises InputError if there is no such file, and what :func:`decode_head` raises."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise InputError(f"{path} is larger than {FILE_BYTES_MAX:,} bytes; it holds no head")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot read it: {error.strerror}; give a file of a head") from None
    return decode_head(content, str(path))


@cache
def default_head() -> HeadFile:
    """The head that comes with the package; read once a process, and never changed."""
    content = (resources.files("agents") / "data" / Path(DEFAULT_PLACE).name).read_bytes()
    return decode_head(content, DEFAULT_PLACE)


def head_for(encoder_sha256: str) -> DenseHead | None:
    """The head that comes with the package if it belongs to that encoder; other encoders have none."""
    head = default_head().head
    return head if head.encoder_sha256 == encoder_sha256 else None
