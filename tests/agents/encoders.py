"""A sentence model for tests: no library, no file, and vectors that anybody can work out."""

import zlib
from collections.abc import Sequence

from agents.semantic import SemanticEmbedder
from agents.text import split_words

FAKE_SHA256 = "fa" * 32


class FakeEncoder:
    """Each word adds a number to one of eight dimensions; counts how often it is asked."""

    def __init__(self, sha256: str = FAKE_SHA256, dimension_count: int = 8) -> None:
        self.sha256 = sha256
        self.dimension_count = dimension_count
        self.asked: list[str] = []

    def encode(self, text: str) -> Sequence[float]:
        self.asked.append(text)
        values = [0.01] * self.dimension_count
        for word in split_words(text):
            values[zlib.crc32(word.encode()) % self.dimension_count] += 0.3
        return values

    def encode_many(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return [self.encode(text) for text in texts]


def fake_embedder(sha256: str = FAKE_SHA256, dimension_count: int = 8) -> SemanticEmbedder:
    return SemanticEmbedder(FakeEncoder(sha256, dimension_count))
