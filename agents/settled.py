"""What an agent settled lately, so that a copy of it is told apart. Must not know deliveries."""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

SETTLED_KEYS_MAX = 4_096
"""Deliveries that an agent remembers to have settled although no copy of them can come any more."""
COPY_LATE_NS_MAX = 3_600 * 1_000_000_000
"""A copy of a delivery arrives at most so long after it."""
K = TypeVar("K")
V = TypeVar("V")


class Settled(Generic[K, V]):
    """Keys of deliveries, with a value each, in the order of settling.

    An agent handles deliveries in the order of their arrival. What arrived so long before the last one that
    no copy of it can come any more is forgotten, but for the last :data:`SETTLED_KEYS_MAX`.
    """

    def __init__(self) -> None:
        self._values: dict[K, V] = {}
        self._arrivals: deque[tuple[int, K]] = deque()  # in the order of settling

    def __contains__(self, key: K) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[K]:
        """Keys in the order of settling."""
        return (key for _, key in self._arrivals)

    def get(self, key: K) -> V | None:
        return self._values.get(key)

    def add(self, key: K, value: V, arrived_ns: int) -> None:
        if key in self._values:
            return
        self._values[key] = value
        self._arrivals.append((arrived_ns, key))
        while len(self._arrivals) > SETTLED_KEYS_MAX and self._arrivals[0][0] + COPY_LATE_NS_MAX < arrived_ns:
            del self._values[self._arrivals.popleft()[1]]
