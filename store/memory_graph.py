"""An approximate index that follows links from vector to vector. Must not know what a pattern is.

The graph is HNSW: Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using
Hierarchical Navigable Small World graphs" (IEEE TPAMI 2020). It is the same on every machine: inner products
of small whole numbers are exact in float32 in whatever order they are added up, what FAISS draws begins with
a fixed seed at each call, one thread builds, and all else is comparing.

Linking a vector costs a hundred times more than keeping it, so it is put off until somebody asks. The graph
is a function of its vectors in their order, and of nothing else. That is what lets a file stand for it.
"""

import hashlib
import zlib
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from store.memory_index import ExactIndex, FaissIndex, IndexKind, Near, libraries, use_one_thread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]
    """One vector a row."""
    SmallRows = NDArray[np.int8]

MATCH_COUNT_MAX = 64
"""An approximate search finds at most so many."""
RECENT_COUNT_MAX = 512
"""Vectors that are compared one by one before they enter the graph together; one by one, each would cost time
in proportion to the size of the graph."""
LINK_COUNT = 48
"""Neighbours of a vector on each level of the graph, twice as many on the lowest; the paper's M."""
BUILD_BREADTH = 100
"""Candidates that are kept while a vector's neighbours are looked for; the paper's efConstruction."""
SEARCH_BREADTH = 192
"""The same while a match is looked for; the paper's ef."""
LEVEL_BITS = 5
"""Two to the power of this vectors are on a level of the graph for one that is on the next as well."""
LEVEL_MAX = 4
"""No vector is higher; one in a million is as high."""
GRAPH_SETTINGS = f"graph {LINK_COUNT}-{BUILD_BREADTH}-{LEVEL_BITS}-{LEVEL_MAX}"
"""What a graph depends on beside its vectors."""


class GraphKey(NamedTuple):
    """Names a graph: equal keys, equal graphs."""

    settings: tuple[str, ...]
    vector_count: int
    rows_sha256: str
    """Of the vectors in their order, one byte a value."""


class GraphCache(Protocol):
    """Where graphs are kept that took long to build. It may lose them all, but never mix them up."""

    def load(self, keys: "Keys") -> FaissIndex | None:
        """The largest graph there is that has one of these keys."""

    def is_due(self, unsaved_count: int, vector_count: int, *, is_going_on: bool) -> bool:
        """Whether to save a graph with so many more vectors than the one that was saved or loaded last.

        ``is_going_on``: more are linked at once.
        """

    def save(self, key: GraphKey, graph: FaissIndex) -> None:
        """Keep a graph, if it can be kept."""


class Keys(Protocol):
    """Of all graphs that are on the way to the one that is to be built."""

    settings: tuple[str, ...]

    def rows_sha256(self, vector_count: int) -> str | None:
        """Of the first vectors; None if no graph on the way has so many."""


class _Steps:
    """The digest of the vectors after each batch that enters the graph together."""

    def __init__(self, settings: tuple[str, ...], batch_count: int) -> None:
        self.settings = settings
        self._batch_count = batch_count
        self._sha256 = hashlib.sha256()
        self._digests: list[bytes] = []

    def take(self, rows: "SmallRows") -> None:
        self._sha256.update(rows.tobytes())
        self._digests.append(self._sha256.digest())

    def rows_sha256(self, vector_count: int) -> str | None:
        batch, rest = divmod(vector_count, self._batch_count)
        return None if rest or not 0 < batch <= len(self._digests) else self._digests[batch - 1].hex()

    def key(self, vector_count: int) -> GraphKey:
        rows_sha256 = self.rows_sha256(vector_count)
        assert rows_sha256 is not None, "a graph has whole batches"
        return GraphKey(self.settings, vector_count, rows_sha256)


class ApproximateIndex:
    """The graph, the vectors that are to enter it when somebody asks, and the newest, which are all compared.

    When a batch enters is counted in vectors, so that the graph is the same whenever it is built.
    """

    kind: ClassVar[IndexKind] = "approximate"

    def __init__(
        self, dimension_count: int, recent_count_max: int = RECENT_COUNT_MAX, cache: GraphCache | None = None
    ) -> None:
        self._numpy, self._faiss = libraries()
        self._recent_count_max = recent_count_max
        quantizer = self._faiss.ScalarQuantizer.QT_8bit_direct_signed
        metric = self._faiss.METRIC_INNER_PRODUCT
        self.graph = self._faiss.IndexHNSWSQ(dimension_count, quantizer, LINK_COUNT, metric)
        self._waiting: deque[SmallRows] = deque()
        """Whole batches, behind those in the graph."""
        self.recent = ExactIndex(dimension_count)
        self._cache = cache
        settings = (f"{dimension_count} dimensions", f"{recent_count_max} at a time", GRAPH_SETTINGS)
        self._steps = _Steps(settings, recent_count_max)
        self._saved_count = 0
        self._dead_count = 0
        self._alive_bits = self._numpy.zeros(0, dtype="uint8")
        self._selector: FaissIndex = None

    def __len__(self) -> int:
        return self._settled_count + len(self.recent)

    @property
    def _linked_count(self) -> int:
        return int(self.graph.ntotal)

    @property
    def _settled_count(self) -> int:
        """Vectors that are in the graph as soon as somebody asks."""
        return self._linked_count + len(self._waiting) * self._recent_count_max

    def add(self, rows: "Rows") -> None:
        start = 0
        while start < len(rows):
            end = start + self._recent_count_max - len(self.recent)
            self.recent.add(rows[start:end])
            start = end
            if len(self.recent) == self._recent_count_max:
                batch = self.recent.rows(range(self._recent_count_max)).astype("int8")
                self._waiting.append(batch)
                if self._cache:
                    self._steps.take(batch)
                self.recent.flat.reset()

    def mark(self, position: int, is_alive: bool) -> None:
        self._make_room_for(position)
        bit = self._numpy.uint8(1 << position % 8)
        if is_alive:
            self._alive_bits[position // 8] |= bit
        else:
            self._alive_bits[position // 8] &= ~bit
        self._dead_count += -1 if is_alive else 1

    def near(self, row: "Rows", inner_product_min: int) -> list[Near]:
        self.settle()
        linked_count = self._linked_count
        found = [
            Near(position + linked_count, product)
            for position, product in self.recent.near(row, inner_product_min)
        ]
        if linked_count:
            products, positions = self.graph.search(row, MATCH_COUNT_MAX, params=self._search_parameters())
            found += [
                Near(position, round(product))
                for position, product in zip(positions[0].tolist(), products[0].tolist(), strict=True)
                if position >= 0 and product >= inner_product_min
            ]
        return found

    def rows(self, positions: Sequence[int]) -> "Rows":
        linked_count, settled_count = self._linked_count, self._settled_count
        wanted = self._numpy.array(positions, dtype="int64")
        rows: Rows = self._numpy.empty((len(positions), self.graph.d), dtype="float32")
        is_linked, is_recent = wanted < linked_count, wanted >= settled_count
        rows[is_linked] = self.graph.storage.reconstruct_batch(wanted[is_linked])
        rows[is_recent] = self.recent.rows((wanted[is_recent] - settled_count).tolist())
        for place in self._numpy.flatnonzero(~is_linked & ~is_recent).tolist():
            batch, offset = divmod(int(wanted[place]) - linked_count, self._recent_count_max)
            rows[place] = self._waiting[batch][offset]
        return rows

    def settle(self) -> None:
        """Do what was put off: all but the newest vectors enter the graph, unless a file holds them there."""
        if self._waiting and self._cache and not self._linked_count:
            self._load(self._cache)
        while self._waiting:
            self._link(self._waiting.popleft().astype("float32"))
            if self._waiting:
                self._save_if_due(is_going_on=True)
        # A log that a crash left a little behind has all of a graph that was saved a little late.
        if len(self.recent) >= self._recent_count_max // 2:
            self._save_if_due(is_going_on=False)

    def keep(self) -> None:
        """Save the graph now, if it is not the one that was saved or loaded last."""
        self.settle()
        if self._cache and self._linked_count > self._saved_count:
            self._save(self._cache)

    def _link(self, batch: "Rows") -> None:
        use_one_thread(self._faiss)
        # Set each time: a file need not keep it.
        self.graph.hnsw.efConstruction = BUILD_BREADTH
        start = self._linked_count
        # Levels that FAISS draws would depend on how often it has drawn, which a file does not keep.
        for position in range(start, start + len(batch)):
            self.graph.hnsw.levels.push_back(1 + level_of(position))
        self.graph.add(batch)

    def _load(self, cache: GraphCache) -> None:
        graph = cache.load(self._steps)
        if graph is None:
            return
        self.graph = graph
        self._saved_count = self._linked_count
        for _ in range(self._saved_count // self._recent_count_max):
            self._waiting.popleft()

    def _save_if_due(self, *, is_going_on: bool) -> None:
        cache, vector_count = self._cache, self._linked_count
        unsaved_count = vector_count - self._saved_count
        if cache and unsaved_count and cache.is_due(unsaved_count, vector_count, is_going_on=is_going_on):
            self._save(cache)

    def _save(self, cache: GraphCache) -> None:
        # Also counts as saved if it could not be: otherwise it would be tried again with every question.
        self._saved_count = self._linked_count
        cache.save(self._steps.key(self._linked_count), self.graph)

    def _search_parameters(self) -> FaissIndex:
        if not self._dead_count:
            return self._faiss.SearchParametersHNSW(efSearch=SEARCH_BREADTH)
        self._make_room_for(len(self) - 1)
        return self._faiss.SearchParametersHNSW(efSearch=SEARCH_BREADTH, sel=self._selector)

    def _make_room_for(self, position: int) -> None:
        """The bits grow by doubling; new vectors are alive."""
        byte_count = len(self._alive_bits)
        if position < 8 * byte_count:
            return
        grown = self._numpy.full(max(2 * byte_count, position // 8 + 1), 0xFF, dtype="uint8")
        grown[:byte_count] = self._alive_bits
        self._alive_bits = grown
        # FAISS holds the address of the bits, not a copy: it sees what changes in them.
        self._selector = self._faiss.IDSelectorBitmap(len(grown), self._faiss.swig_ptr(grown))


def level_of(position: int) -> int:
    """Highest level of the graph that a vector is on; see :data:`LEVEL_BITS`."""
    code = zlib.crc32(position.to_bytes(8, "little"))
    zero_bits = (code & -code).bit_length() - 1 if code else 32
    return min(zero_bits // LEVEL_BITS, LEVEL_MAX)
