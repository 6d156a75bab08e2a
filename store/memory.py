"""A memory of pattern vectors in a FAISS index. Must not know what a pattern means, nor import FAISS early.

The index compares exactly (``IndexFlatIP``). Vectors hold small whole numbers, so inner products are whole
numbers below 2**24 and exact in float32 on every machine. FAISS and NumPy are imported when the first memory
is made: a process that makes none starts without them.
"""

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from bus.errors import EnvironmentProblem, ProtocolError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Vector = Sequence[float]
"""Whole numbers as float32; best an ``array`` of type code ``f``, which is taken over without a copy."""


class FaissMatch(NamedTuple):
    pattern_id: str
    inner_product: int


class FaissMemory:
    """One vector per pattern, found again by likeness.

    Raises:
        EnvironmentProblem: FAISS or NumPy cannot be imported.
    """

    def __init__(self, embedder_name: str, dimension_count: int) -> None:
        self.embedder_name = embedder_name
        self.dimension_count = dimension_count
        try:
            self._numpy = importlib.import_module("numpy")
            faiss = importlib.import_module("faiss")
        except ImportError as error:
            raise EnvironmentProblem(
                f"the pattern memory needs faiss-cpu ({error}): pip install faiss-cpu"
            ) from None
        # One thread: a search takes microseconds, and OpenMP's pool would cost memory and start-up time.
        faiss.omp_set_num_threads(1)
        self._index = faiss.IndexFlatIP(dimension_count)
        self._pattern_ids: list[str] = []

    def __len__(self) -> int:
        return len(self._pattern_ids)

    def put(self, pattern_id: str, vector: Vector) -> None:
        """Add a pattern's vector.

        Raises:
            ProtocolError: the vector has another number of dimensions, or the pattern is already there.
        """
        row = self._row(vector)
        if pattern_id in self._pattern_ids:
            raise ProtocolError(f"pattern {pattern_id!r} is already in the memory: remove it first")
        self._index.add(row)
        self._pattern_ids.append(pattern_id)

    def remove(self, pattern_id: str) -> None:
        """Forget a pattern.

        Raises:
            ProtocolError: there is no such pattern.
        """
        if pattern_id not in self._pattern_ids:
            raise ProtocolError(f"no pattern {pattern_id!r} in the memory")
        position = self._pattern_ids.index(pattern_id)
        # A flat index closes the gap: every later vector moves up by one, as in the list.
        self._index.remove_ids(self._numpy.array([position], dtype="int64"))
        del self._pattern_ids[position]

    def matches(self, vector: Vector, inner_product_min: int) -> list[FaissMatch]:
        """All patterns whose inner product is at least so large, largest first, equal ones by ``pattern_id``.

        Raises:
            ProtocolError: the vector has another number of dimensions.
        """
        # The index keeps what is strictly greater; inner products are whole, so half below is "at least".
        _, products, positions = self._index.range_search(self._row(vector), inner_product_min - 0.5)
        found = [
            FaissMatch(self._pattern_ids[position], round(product))
            for position, product in zip(positions.tolist(), products.tolist(), strict=True)
        ]
        found.sort(key=lambda match: (-match.inner_product, match.pattern_id))
        return found

    def _row(self, vector: Vector) -> "NDArray[np.float32]":
        if len(vector) != self.dimension_count:
            raise ProtocolError(
                f"a vector of {len(vector)} dimensions is not one of {self.embedder_name!r}, "
                f"which has {self.dimension_count}: use one embedder with one memory"
            )
        row: NDArray[np.float32] = self._numpy.asarray(vector, dtype="float32").reshape(1, -1)
        return row
