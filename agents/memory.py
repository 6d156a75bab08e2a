"""The port to a memory of vectors, and a plain one in a dictionary. Must not know what a vector stands for.

A memory holds one vector per pattern and finds those that are like a given one. The real one is
``store.memory.FaissMemory``; :class:`ListMemory` compares with every vector in turn, however many there are,
and the real one is tested against it.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from agents.embedder import SCALE, Vector
from bus.errors import ProtocolError

IndexKind = Literal["exact", "approximate"]

VALUE_MAX = 127
"""No value of a vector is larger, with either sign."""
SQUARES_MAX = 1 << 24
"""Of the values of a vector; with no more, every part of an inner product is exact in float32."""


class Match(Protocol):
    """A vector that is like the one asked about."""

    @property
    def pattern_id(self) -> str: ...

    @property
    def inner_product(self) -> int: ...


class Reindexing(Protocol):
    """A change of index that is to come."""

    @property
    def from_kind(self) -> IndexKind: ...

    @property
    def to_kind(self) -> IndexKind: ...

    @property
    def pattern_count(self) -> int:
        """After what causes the change."""

    @property
    def reason(self) -> str:
        """In words for people."""


class PatternMemory(Protocol):
    """Vectors by pattern. A memory belongs to one embedder for life.

    What it answers is a function of the puts and removals before, in their order.
    """

    @property
    def embedder_name(self) -> str: ...

    @property
    def dimension_count(self) -> int: ...

    def __len__(self) -> int: ...

    def __contains__(self, pattern_id: object) -> bool: ...

    @property
    def index_kind(self) -> IndexKind:
        """An approximate index may miss patterns, and finds a limited number of them."""

    def reindexing(self, added_count: int) -> Reindexing | None:
        """What adding so many patterns, or removing as many as below zero, does to the index."""

    def put(self, pattern_id: str, vector: Vector) -> None:
        """Add a pattern's vector.

        Raises:
            ProtocolError: the vector has another number of dimensions, or values that are no whole numbers
                from -127 to 127; or the pattern is already there.
        """

    def remove(self, pattern_id: str) -> None:
        """Forget a pattern.

        Raises:
            ProtocolError: there is no such pattern.
        """

    def matches(self, vector: Vector, inner_product_min: int) -> Sequence[Match]:
        """Patterns whose inner product is at least so large, largest first, equal ones by ``pattern_id``.

        All of them while the index is exact.

        Raises:
            ProtocolError: the vector is not one that :meth:`put` takes.
        """


class ListMatch(NamedTuple):
    pattern_id: str
    inner_product: int


class ListMemory:
    """A memory in plain Python, for tests and small tools."""

    def __init__(self, embedder_name: str, dimension_count: int) -> None:
        self.embedder_name = embedder_name
        self.dimension_count = dimension_count
        self._vectors: dict[str, Vector] = {}

    def __len__(self) -> int:
        return len(self._vectors)

    def __contains__(self, pattern_id: object) -> bool:
        return pattern_id in self._vectors

    @property
    def index_kind(self) -> IndexKind:
        return "exact"

    def reindexing(self, added_count: int) -> None:
        """Compares with every vector for ever."""

    def put(self, pattern_id: str, vector: Vector) -> None:
        self._check(vector)
        if pattern_id in self._vectors:
            raise ProtocolError(f"pattern {pattern_id!r} is already in the memory: remove it first")
        self._vectors[pattern_id] = vector

    def remove(self, pattern_id: str) -> None:
        if self._vectors.pop(pattern_id, None) is None:
            raise ProtocolError(f"no pattern {pattern_id!r} in the memory")

    def matches(self, vector: Vector, inner_product_min: int) -> list[ListMatch]:
        self._check(vector)
        found = []
        for pattern_id, known in self._vectors.items():
            inner_product = round(sum(a * b for a, b in zip(known, vector, strict=True)))
            if inner_product >= inner_product_min:
                found.append(ListMatch(pattern_id, inner_product))
        return sorted(found, key=lambda match: (-match.inner_product, match.pattern_id))

    def _check(self, vector: Vector) -> None:
        if len(vector) != self.dimension_count:
            raise ProtocolError(
                f"a vector of {len(vector)} dimensions is not one of {self.embedder_name!r}, "
                f"which has {self.dimension_count}: use one embedder with one memory"
            )
        is_fit = all(-VALUE_MAX <= value <= VALUE_MAX and value == round(value) for value in vector)
        if not is_fit or sum(value * value for value in vector) > SQUARES_MAX:
            raise ProtocolError(
                f"a vector of {self.embedder_name!r} has values that are no whole numbers from "
                f"-{VALUE_MAX} to {VALUE_MAX}, or too many large ones: mend the embedder"
            )


def similarity_of(inner_product: int) -> float:
    """Cosine similarity of two vectors of length :data:`agents.embedder.SCALE`, 0 to 1, four decimals."""
    return round(min(1.0, max(0.0, inner_product / SCALE**2)), 4)
