"""Turns a text into a vector of small whole numbers by hashing its words. Must not learn or download.

Feature hashing after Weinberger et al., "Feature Hashing for Large Scale Multitask Learning" (ICML 2009):
each feature adds its weight, with a sign, to one of a fixed number of dimensions. The values are rounded to
whole numbers, so inner products are exact in float32 whatever order a machine adds them in.
"""

import math
import zlib
from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, Protocol

from agents.text import mask_numbers, split_words

Vector = Sequence[float]
"""Whole numbers as float32; best an ``array`` of type code ``f``, which is taken over without a copy."""

SCALE = 127
"""Euclidean length of a vector, give or take rounding; equal texts have about its square as inner product."""


class Embedder(Protocol):
    """Where vectors come from; two texts that say the same should have a large inner product."""

    @property
    def name(self) -> str:
        """Changes whenever the same text would get another vector."""

    @property
    def dimension_count(self) -> int: ...

    def embed(self, text: str) -> Vector:
        """A vector of whole numbers of length :data:`SCALE`; all zeros when the text has no words."""


_WORD_WEIGHT = 2
_PAIR_WEIGHT = 1
_STEM_WEIGHT = 1
_STEM_CHARACTERS = 5

_EMPTY_TEXT = (
    "a an and are as at be been but by for from has have if in into is it its of on or our so than that "
    "the their then there these they this those to was we were when which while will with you your "
    "# ? % : 0"
)
_EMPTY_WORDS = frozenset(_EMPTY_TEXT.split())
"""Words that say nothing about what happened; only looked up, never iterated."""


class HashingEmbedder:
    """The default embedder: no model file, the same vectors on every machine."""

    name: ClassVar[str] = "hashing-v1"
    dimension_count: ClassVar[int] = 512

    def embed(self, text: str) -> Vector:
        sums: dict[int, int] = {}
        for feature, weight in _features(split_words(mask_numbers(text))).items():
            code = zlib.crc32(feature.encode())
            dimension = code % self.dimension_count
            sums[dimension] = sums.get(dimension, 0) + (weight if code & 0x80000000 else -weight)
        length = math.sqrt(sum(value * value for value in sums.values()))
        vector = array("f", bytes(4 * self.dimension_count))
        for dimension, value in sums.items():
            # The length is zero when features met in one dimension and cancelled out.
            vector[dimension] = round(value * SCALE / length) if length else 0
        return vector


def _features(words: list[str]) -> dict[str, int]:
    """Weight of each feature; a feature counts once, however often it is there."""
    telling = [word for word in words if word not in _EMPTY_WORDS]
    features: dict[str, int] = {}
    for word in telling:
        features[word] = _WORD_WEIGHT
        features[f"{word[:_STEM_CHARACTERS]}*"] = _STEM_WEIGHT
    for first, second in pairwise(telling):
        features[f"{first} {second}"] = _PAIR_WEIGHT
    return features
