"""Turns a text into a vector of small whole numbers by a sentence model. Must not download or train one.

Numbers are masked first, as in :mod:`agents.embedder`, so what differs only in these gets one vector. Each
text goes through the model alone, so its vector does not depend on what else is asked about.

The same machine with the same libraries gives the same vectors. Another processor or another version of
PyTorch may add in another order; rounding hides most of that, and where it does not, a number differs by one.
"""

import math
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

from agents.embedder import SCALE, Vector
from agents.sentence_model import SentenceModel, find_model
from agents.text import mask_numbers

DEFAULT_MODEL = "all-MiniLM-L6-v2"
MEMO_SIZE_MAX = 4_096
"""Texts whose vector is kept. Changes how fast an answer comes, never the answer."""
_NAME_DIGITS = 12
"""Of the hash of the weights, in the embedder's name."""


class Encoder(Protocol):
    """A sentence model that is ready to run."""

    @property
    def sha256(self) -> str:
        """Of the weights and of all else that decides which vector a text gets."""

    @property
    def dimension_count(self) -> int: ...

    def encode(self, text: str) -> Sequence[float]:
        """A vector of any length but 0; it depends on the text alone."""

    def encode_many(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """The same for many texts, faster; not promised to the last digit."""


class SemanticEmbedder:
    """The embedder of the extra ``semantic``; see :func:`semantic_embedder`."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._memo: OrderedDict[str, Vector] = OrderedDict()
        self.weights_sha256 = encoder.sha256
        self.name = f"semantic-v1-{encoder.sha256[:_NAME_DIGITS]}"
        self.dimension_count = encoder.dimension_count

    def embed(self, text: str) -> Vector:
        masked = mask_numbers(text)
        known = self._memo.get(masked)
        if known is not None:
            self._memo.move_to_end(masked)
            return known
        vector = self._embedded(masked)
        self._memo[masked] = vector
        if len(self._memo) > MEMO_SIZE_MAX:
            self._memo.popitem(last=False)
        return vector

    def embed_many(self, texts: Sequence[str]) -> list[Vector]:
        """The vector of each text, some times faster than one by one, for training.

        None of 6,000 texts got another vector. That is measured and not proved, so a run asks one by one.
        """
        masked = [mask_numbers(text) for text in texts]
        telling = [text for text in dict.fromkeys(masked) if _has_words(text)]
        values = zip(telling, self._encoder.encode_many(telling), strict=True)
        known = {text: _rounded(found) for text, found in values}
        return [known.get(text) or self._nothing() for text in masked]

    def _embedded(self, masked: str) -> Vector:
        return _rounded(self._encoder.encode(masked)) if _has_words(masked) else self._nothing()

    def _nothing(self) -> Vector:
        return array("f", bytes(4 * self.dimension_count))


def _has_words(masked: str) -> bool:
    return any(map(str.isalnum, masked))


def _rounded(values: Sequence[float]) -> Vector:
    # math.sumprod would be shorter; fsum adds exactly, in any order.
    length = math.sqrt(math.fsum(value * value for value in values))
    return array("f", [round(value * SCALE / length) for value in values])


def semantic_embedder(model: str | SentenceModel = DEFAULT_MODEL) -> SemanticEmbedder:
    """The embedder of a model, by name or path or as it was found.

    Loads PyTorch, which takes some seconds and about 400 MB.

    Raises:
        InputError: the model is not on this machine, or cannot be used.
        EnvironmentProblem: the libraries of the extra ``semantic`` are not installed.
    """
    from agents.sentence_encoder import SentenceEncoder

    return SemanticEmbedder(SentenceEncoder(find_model(model) if isinstance(model, str) else model))
