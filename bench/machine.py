"""How busy the rest of the machine was meanwhile. Must not time the candidate itself."""

import os
import time
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_IDLE_FIELDS = (3, 4)
"""``idle`` and ``iowait`` in the first line of /proc/stat (proc(5))."""
_GUEST_FIELD = 8
"""From here on time is counted twice: it is in ``user`` already."""


class OtherLoad:
    """Cores that other processes used since this was made: busy time less our own and our children's.

    Children count once they have been waited for, so ask only when they have ended.
    """

    def __init__(self) -> None:
        self._start_s = time.perf_counter()
        self._busy_s = _busy_s()
        self._own_s = _own_s()

    def cores(self) -> float:
        busy_s = _busy_s() - self._busy_s
        own_s = _own_s() - self._own_s
        return max(0.0, (busy_s - own_s) / max(1e-9, time.perf_counter() - self._start_s))


def _busy_s() -> float:
    ticks = [int(text) for text in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    idle = sum(ticks[index] for index in _IDLE_FIELDS)
    return (sum(ticks[:_GUEST_FIELD]) - idle) / _TICKS_PER_S


def _own_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
