"""Bus time in a simulation, and the wall clock for what is measured. The only file that may read a clock."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NS_PER_S = 1_000_000_000


class VirtualClock:
    """Bus time: moves only when the engine says so, and never back."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def advance(self, to_ns: int) -> None:
        assert to_ns >= self.now_ns, f"the clock stands at {self.now_ns} and cannot go back to {to_ns}"
        self.now_ns = to_ns


def wall_ns() -> int:
    """Wall clock, nanoseconds since the Unix epoch: for observations only, never for the log."""
    return time.time_ns()


def elapsed_ns() -> int:
    """A clock that only goes forward, for measuring how long something took."""
    return time.perf_counter_ns()


def pause_s(seconds: float) -> None:
    """Wait in wall time."""
    time.sleep(seconds)


@contextmanager
def timed(report: Callable[[int], None]) -> Iterator[None]:
    """Report how many nanoseconds of wall time the block took."""
    start_ns = elapsed_ns()
    try:
        yield
    finally:
        report(elapsed_ns() - start_ns)
