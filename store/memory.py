"""A memory of pattern vectors in a FAISS index. Must not know what a pattern means, nor import FAISS early.

It compares with every vector while there are few, and goes over to a graph by itself when there are many
(``store/memory_graph.py``). What it answers is a function of the puts and removals before, in their order:
live or folded from a log, with a file to take the graph from or without, it is the same memory. FAISS and
NumPy are imported when the first memory is made: a process that makes none starts without them.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from bus.errors import ProtocolError
from store.memory_graph import MATCH_COUNT_MAX, RECENT_COUNT_MAX, ApproximateIndex, GraphCache
from store.memory_index import (
    VALUE_MAX,
    ExactIndex,
    IndexKind,
    VectorIndex,
    chunks,
    libraries,
    use_one_thread,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Vector = Sequence[float]
"""Whole numbers as float32; best an ``array`` of type code ``f``, which is taken over without a copy."""

EXACT_COUNT_MAX = 16_384
"""With more patterns, comparing with every one takes about a millisecond and more (512 dimensions)."""
EXACT_AGAIN_COUNT = 8_192
"""With fewer, every one is compared with again. Half the other limit: a memory does not swing."""
DEAD_SHARE_MAX = 0.25
"""Of the vectors in an index; when more of them are forgotten, it is built anew without them."""
DEAD_COUNT_MIN = 64
"""Fewer forgotten vectors are not worth the building."""
SQUARES_MAX = 1 << 24
"""Of the values of a vector; with no more, every part of an inner product is exact in float32."""
_DIGEST_BYTES = 16


class FaissMatch(NamedTuple):
    pattern_id: str
    inner_product: int


class FaissReindexing(NamedTuple):
    """A change of index that is to come."""

    from_kind: IndexKind
    to_kind: IndexKind
    pattern_count: int
    """After what causes the change."""
    reason: str
    """In words for people."""


class IndexLimits(NamedTuple):
    """Smaller ones are for tests: answers beyond :data:`EXACT_COUNT_MAX` depend on them."""

    exact_count_max: int = EXACT_COUNT_MAX
    exact_again_count: int = EXACT_AGAIN_COUNT
    recent_count_max: int = RECENT_COUNT_MAX
    dead_count_min: int = DEAD_COUNT_MIN


class FaissMemory:
    """One vector per pattern, found again by likeness. Patterns of one vector share a place in the index.

    ``cache`` keeps graphs that took long to build. It changes no answer.

    Raises:
        EnvironmentProblem: FAISS or NumPy cannot be imported.
    """

    def __init__(
        self,
        embedder_name: str,
        dimension_count: int,
        limits: IndexLimits | None = None,
        cache: GraphCache | None = None,
    ) -> None:
        self.embedder_name = embedder_name
        self.dimension_count = dimension_count
        self._limits = limits or IndexLimits()
        self._cache = cache
        self._numpy, faiss = libraries()
        use_one_thread(faiss)
        self._index = self._new_index("exact")
        self._names: list[list[str]] = []
        """Patterns at each position of the index; none where the vector is forgotten."""
        self._position_of: dict[str, int] = {}
        self._position_of_digest: dict[bytes, int] = {}
        """Of every vector in the index, forgotten ones included."""
        self._dead_count = 0

    def __len__(self) -> int:
        return len(self._position_of)

    def __contains__(self, pattern_id: object) -> bool:
        return pattern_id in self._position_of

    @property
    def index_kind(self) -> IndexKind:
        return self._index.kind

    def reindexing(self, added_count: int) -> FaissReindexing | None:
        """What adding so many patterns, or removing as many as below zero, does to the index."""
        pattern_count = len(self) + added_count
        limits, kind = self._limits, self._index.kind
        if kind == "exact" and pattern_count > limits.exact_count_max:
            reason = f"more than {limits.exact_count_max} patterns: comparing with every one takes too long"
            return FaissReindexing(kind, "approximate", pattern_count, reason)
        if kind == "approximate" and pattern_count < limits.exact_again_count:
            reason = f"fewer than {limits.exact_again_count} patterns: every one can be compared with again"
            return FaissReindexing(kind, "exact", pattern_count, reason)
        return None

    def put(self, pattern_id: str, vector: Vector) -> None:
        """Add a pattern's vector.

        Raises:
            ProtocolError: the vector has another number of dimensions, or values that are no whole numbers
                from -127 to 127; or the pattern is already there.
        """
        row = self._row(vector)
        if pattern_id in self._position_of:
            raise ProtocolError(f"pattern {pattern_id!r} is already in the memory: remove it first")
        digest = _digest(row)
        position = self._position_of_digest.get(digest)
        if position is None:
            position = len(self._names)
            self._index.add(row)
            self._names.append([])
            self._position_of_digest[digest] = position
        elif not self._names[position]:
            self._index.mark(position, True)
            self._dead_count -= 1
        self._names[position].append(pattern_id)
        self._position_of[pattern_id] = position
        self._change_index()

    def remove(self, pattern_id: str) -> None:
        """Forget a pattern.

        Raises:
            ProtocolError: there is no such pattern.
        """
        position = self._position_of.pop(pattern_id, None)
        if position is None:
            raise ProtocolError(f"no pattern {pattern_id!r} in the memory")
        self._names[position].remove(pattern_id)
        if not self._names[position]:
            self._index.mark(position, False)
            self._dead_count += 1
        self._change_index()

    def matches(self, vector: Vector, inner_product_min: int) -> list[FaissMatch]:
        """Patterns whose inner product is at least so large, largest first, equal ones by ``pattern_id``.

        All of them while the index is exact. An approximate one finds at most 64, and may miss some.

        Raises:
            ProtocolError: the vector is not one that :meth:`put` takes.
        """
        found = [
            FaissMatch(pattern_id, near.inner_product)
            for near in self._index.near(self._row(vector), inner_product_min)
            for pattern_id in self._names[near.position]
        ]
        found.sort(key=lambda match: (-match.inner_product, match.pattern_id))
        return found if self._index.kind == "exact" else found[:MATCH_COUNT_MAX]

    def settle(self) -> None:
        """Do now what the first question would have to wait for. Answers are the same without it."""
        self._index.settle()

    def keep(self) -> None:
        """Let the cache have the graph as it is now."""
        self._index.keep()

    def _change_index(self) -> None:
        """Build the index anew if its kind no longer fits, or too much of it is forgotten."""
        change = self.reindexing(0)
        dead_count_max = max(self._limits.dead_count_min, int(DEAD_SHARE_MAX * len(self._names)))
        if change or self._dead_count > dead_count_max:
            self._rebuild(change.to_kind if change else self._index.kind)

    def _rebuild(self, kind: IndexKind) -> None:
        positions = [position for position, names in enumerate(self._names) if names]
        fresh = self._new_index(kind)
        for some in chunks(positions):
            fresh.add(self._index.rows(some))
        place_of = {position: place for place, position in enumerate(positions)}
        self._index = fresh
        self._names = [self._names[position] for position in positions]
        self._position_of = {name: place_of[position] for name, position in self._position_of.items()}
        self._position_of_digest = {
            digest: place_of[position]
            for digest, position in self._position_of_digest.items()
            if position in place_of
        }
        self._dead_count = 0

    def _new_index(self, kind: IndexKind) -> VectorIndex:
        if kind == "exact":
            return ExactIndex(self.dimension_count)
        return ApproximateIndex(self.dimension_count, self._limits.recent_count_max, self._cache)

    def _row(self, vector: Vector) -> "NDArray[np.float32]":
        if len(vector) != self.dimension_count:
            raise ProtocolError(
                f"a vector of {len(vector)} dimensions is not one of {self.embedder_name!r}, "
                f"which has {self.dimension_count}: use one embedder with one memory"
            )
        row: NDArray[np.float32] = self._numpy.asarray(vector, dtype="float32").reshape(1, -1)
        # A value that is not a number equals nothing.
        is_fit = bool((self._numpy.rint(row) == row).all()) and float(abs(row).max()) <= VALUE_MAX
        if not is_fit or float(self._numpy.vdot(row, row)) > SQUARES_MAX:
            raise ProtocolError(
                f"a vector of {self.embedder_name!r} has values that are no whole numbers from "
                f"-{VALUE_MAX} to {VALUE_MAX}, or too many large ones: mend the embedder"
            )
        return row


def _digest(row: "NDArray[np.float32]") -> bytes:
    """Names a vector; 16 bytes, because a million vectors themselves would be half a gigabyte more."""
    return blake2b(row.astype("int8").tobytes(), digest_size=_DIGEST_BYTES).digest()
