"""An index that compares with every vector. Must not know what a pattern is, nor import FAISS early.

What it has in common with the graph (``store/memory_graph.py``) is here too. Both number their vectors from 0
in the order in which they came, and never take one out: the caller says which are alive.
"""

import importlib
from collections.abc import Iterator, Sequence
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol

from bus.errors import EnvironmentProblem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]
    """One vector a row."""

FaissIndex = Any
"""An index of FAISS, whose types do not say what it has."""
IndexKind = Literal["exact", "approximate"]

VALUE_MAX = 127
"""No value of a vector is larger, with either sign: the graph keeps one byte for each."""
CHUNK_COUNT = 4_096
"""Vectors that are copied from one index to another at a time."""
_ENDS_OUTSIDE = 0.5
"""A range search keeps what is strictly greater; products are whole, so half below is "at least"."""


class Libraries(NamedTuple):
    numpy: ModuleType
    faiss: ModuleType


@cache
def libraries() -> Libraries:
    """Load NumPy and FAISS.

    Raises:
        EnvironmentProblem: one of them cannot be imported.
    """
    try:
        return Libraries(importlib.import_module("numpy"), importlib.import_module("faiss"))
    except ImportError as error:
        raise EnvironmentProblem(
            f"the pattern memory needs faiss-cpu ({error}): pip install faiss-cpu"
        ) from None


def use_one_thread(faiss: ModuleType) -> None:
    """A graph that several threads build is never the same twice. OpenMP keeps the number for each thread.

    Besides, a search takes microseconds, and OpenMP's pool would cost memory and start-up time.
    """
    faiss.omp_set_num_threads(1)


class Near(NamedTuple):
    position: int
    inner_product: int


class VectorIndex(Protocol):
    """What this index and the graph both do."""

    kind: ClassVar[IndexKind]

    def __len__(self) -> int:
        """All vectors, dead ones included."""

    def add(self, rows: "Rows") -> None: ...

    def mark(self, position: int, is_alive: bool) -> None:
        """A dead vector takes no other's place in an approximate search; it may still be found."""

    def near(self, row: "Rows", inner_product_min: int) -> list[Near]:
        """Vectors whose inner product is at least so large, in no order."""

    def rows(self, positions: Sequence[int]) -> "Rows":
        """The vectors again, as they were added."""

    def settle(self) -> None:
        """Do now what would be done when :meth:`near` is called."""

    def keep(self) -> None:
        """Save what took long to build, where it can be saved."""


class ExactIndex:
    """Compares with every vector."""

    kind: ClassVar[IndexKind] = "exact"

    def __init__(self, dimension_count: int) -> None:
        self._numpy, faiss = libraries()
        self.flat = faiss.IndexFlatIP(dimension_count)

    def __len__(self) -> int:
        return int(self.flat.ntotal)

    def add(self, rows: "Rows") -> None:
        self.flat.add(rows)

    def mark(self, position: int, is_alive: bool) -> None:
        """All are found, so none is in another's place."""

    def near(self, row: "Rows", inner_product_min: int) -> list[Near]:
        _, products, positions = self.flat.range_search(row, inner_product_min - _ENDS_OUTSIDE)
        return [Near(*found) for found in zip(positions.tolist(), map(round, products.tolist()), strict=True)]

    def rows(self, positions: Sequence[int]) -> "Rows":
        rows: Rows = self.flat.reconstruct_batch(self._numpy.array(positions, dtype="int64"))
        return rows

    def settle(self) -> None:
        """Nothing is put off."""

    def keep(self) -> None:
        """Nothing took long."""


def chunks(positions: Sequence[int]) -> Iterator[Sequence[int]]:
    """The positions, at most :data:`CHUNK_COUNT` at a time."""
    for start in range(0, len(positions), CHUNK_COUNT):
        yield positions[start : start + CHUNK_COUNT]
