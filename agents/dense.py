"""What the vector of a text says for each label, in whole steps. Must not train, read files or load a model.

A multinomial logistic regression over the whole numbers of a :class:`agents.semantic.SemanticEmbedder`. All
arithmetic is of whole numbers, so equal vectors get equal evidence on every machine.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from agents.embedder import SCALE, Vector
from bus.bodies import TelemetryReceived
from bus.errors import InputError

Weights = npt.NDArray[np.int64]
Steps = npt.NDArray[np.int64]

MIX_NUMERATOR, MIX_DENOMINATOR = 2, 3
"""Of the sum of the words' and the vector's evidence: their mean, divided by a temperature of 3/4."""


class HashedEmbedder(Protocol):
    """An embedder that says which weights it runs; see :class:`agents.semantic.SemanticEmbedder`."""

    @property
    def weights_sha256(self) -> str: ...

    def embed(self, text: str) -> Vector: ...


class DenseHead(NamedTuple):
    """Weights of one encoder's dimensions; labels as in :data:`agents.lexicon.LABELS`."""

    weights: Weights
    """A row for each dimension, a column for each label, in steps for a vector of length 1."""
    bias: Steps
    """For each label."""
    encoder_sha256: str
    """Of the encoder whose vectors it was trained on; those of another mean nothing to it."""

    def steps(self, vectors: npt.NDArray[np.float32]) -> Steps:
        """Evidence for each label; a row for each vector of whole numbers of length :data:`SCALE`."""
        sums = vectors.astype(np.int64) @ self.weights
        rounded: Steps = (2 * sums + SCALE) // (2 * SCALE) + self.bias
        return rounded


class SemanticEvidence:
    """A head and the embedder that it belongs to.

    Raises:
        InputError: the head belongs to another encoder.
    """

    def __init__(self, head: DenseHead, embedder: HashedEmbedder) -> None:
        if head.encoder_sha256 != embedder.weights_sha256:
            raise InputError(
                f"the head is for the sentence model {head.encoder_sha256}, and this one is "
                f"{embedder.weights_sha256}: train a head for it, or use the model without one"
            )
        self._head = head
        self._embedder = embedder

    def steps_of(self, record: TelemetryReceived) -> list[int]:
        """Evidence of the message for each label; fields are not looked at."""
        vector = np.asarray(self._embedder.embed(record.message), np.float32)
        steps: list[int] = self._head.steps(vector[None, :])[0].tolist()
        return steps


def mixed(linear: Sequence[int], semantic: Sequence[int]) -> list[int]:
    """The evidence of words and vector together, in steps again; both count alike."""
    sums = [words + meaning for words, meaning in zip(linear, semantic, strict=True)]
    return [(2 * MIX_NUMERATOR * total + MIX_DENOMINATOR) // (2 * MIX_DENOMINATOR) for total in sums]
