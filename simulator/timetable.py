"""What is decided to happen, in the order of bus time. Must not know what any of it does.

Entries are ordered by plain numbers, ``(time_ns, priority, ordinal)``.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import NamedTuple

PRIORITY_ACT = 0
PRIORITY_TIMER = 1
PRIORITY_WORKLOAD = 2
PRIORITY_AGENT = 3
"""Of the first agent; each further one has the next number."""
PRIORITY_FACT = 1_000
"""Of what happens to an event on its way: after the commits of its moment."""

CommitKey = tuple[int, int, int]
"""(time, priority, ordinal) of an entry."""
Act = Callable[[int], None]
"""Called with the moment of its entry."""


class Timer(NamedTuple):
    """Something that happens every ``interval_ns`` until the end."""

    interval_ns: int
    act: Act


class Timetable:
    """A heap of entries; no two have the same key."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int, Act]] = []
        self._act_count = 0
        self._fact_count = 0

    def push(self, key: CommitKey, act: Act) -> None:
        heappush(self._heap, (*key, act))

    def at(self, time_ns: int, act: Act) -> None:
        """Before all else of that moment; in the order of the calls."""
        self._act_count += 1
        self.push((time_ns, PRIORITY_ACT, self._act_count), act)

    def after(self, time_ns: int, act: Act) -> None:
        """After all else of that moment; in the order of the calls."""
        self._fact_count += 1
        self.push((time_ns, PRIORITY_FACT, self._fact_count), act)

    def every(self, timer: Timer, time_ns: int, ordinal: int) -> None:
        """From ``time_ns`` on, again and again. Of two at one moment the lower ordinal comes first."""

        def act(now_ns: int) -> None:
            timer.act(now_ns)
            self.every(timer, now_ns + timer.interval_ns, ordinal)

        self.push((time_ns, PRIORITY_TIMER, ordinal), act)

    def is_quiet_before(self, key: CommitKey) -> bool:
        """Whether no entry comes before that key."""
        return not self._heap or self._heap[0] >= key

    def is_over(self, end_ns: int) -> bool:
        """Whether nothing is left before that moment."""
        return not self._heap or self._heap[0][0] >= end_ns

    def pop(self) -> tuple[int, Act]:
        time_ns, _, _, act = heappop(self._heap)
        return time_ns, act
