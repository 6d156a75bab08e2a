"""Which of many things is of least use, while that keeps changing. Must not know what the things are.

How often a thing was used alone would be no measure: in a memory full of what was once used often, each
newcomer would make way for the next one before it is used again. So every use is worth a bounded stay.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush

Usefulness = tuple[bool, int, int, str]
"""Smaller is of less use; ends with the name, so that no two are equal. Changes only when a thing is used."""
FEEDBACK_WORTH = 100
"""So many lessons longer a pattern stays untouched for each feedback about it."""
WORTHY_FEEDBACKS_MAX = 10
"""More feedbacks give no longer stay: however often a pattern was told, it goes when it is of no use now."""
ENTRIES_MIN = 1_024
ENTRIES_PER_THING_MAX = 4
"""More are thrown out, unless there are fewer than the minimum."""


def staying_score(used_ordinal: int, match_count: int) -> int:
    """Number of the lesson from which on a pattern is of less use than one without any feedback."""
    return used_ordinal + FEEDBACK_WORTH * min(match_count, WORTHY_FEEDBACKS_MAX)


class Ranking:
    """A heap whose entries are looked at again when they come up: what has changed since is passed over.

    ``now`` gives the usefulness of a thing, or None once it is gone.
    """

    def __init__(self, now: Callable[[str], Usefulness | None]) -> None:
        self._now = now
        self._heap: list[Usefulness] = []
        self._entry_count_max = ENTRIES_MIN

    def put(self, usefulness: Usefulness) -> None:
        """Say how useful a thing is that is new or has changed."""
        heappush(self._heap, usefulness)
        if len(self._heap) > self._entry_count_max:
            # The same may have been put twice.
            self._heap = [entry for entry in dict.fromkeys(self._heap) if self._now(entry[-1]) == entry]
            heapify(self._heap)
            self._entry_count_max = max(ENTRIES_MIN, ENTRIES_PER_THING_MAX * len(self._heap))

    def least(self) -> str:
        """The name of what is of least use; there has to be something."""
        while self._now(self._heap[0][-1]) != self._heap[0]:
            heappop(self._heap)
        return self._heap[0][-1]
