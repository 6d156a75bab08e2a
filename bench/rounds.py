"""Runs candidates in turn, A B A B, so that what disturbs one disturbs all. Must not know what they do."""

import time
from collections.abc import Callable, Mapping, Sequence

from bench.machine import OtherLoad

QUIET_CORES_MAX = 0.25
"""A round in which other processes used more than this is marked; do not trust it."""


class Rounds:
    """The seconds of each candidate in each round, and the other load of each round."""

    def __init__(self, names: Sequence[str]) -> None:
        self.seconds: dict[str, list[float]] = {name: [] for name in names}
        self.other_cores: list[float] = []

    def ratios(self, candidate: str, anchor: str) -> list[float]:
        """Candidate over anchor, round by round."""
        pairs = zip(self.seconds[candidate], self.seconds[anchor], strict=True)
        return [ours / theirs for ours, theirs in pairs]

    def load_line(self) -> str:
        marked = " ".join(f"{c:.2f}{'!' if c > QUIET_CORES_MAX else ''}" for c in self.other_cores)
        return f"  cores used by others, round by round: {marked}"


def interleave(candidates: Mapping[str, Callable[[], float | None]], round_count: int) -> Rounds:
    """Call every candidate once a round. One that returns seconds is believed, any other is timed."""
    rounds = Rounds(list(candidates))
    for _ in range(round_count):
        load = OtherLoad()
        for name, candidate in candidates.items():
            start_s = time.perf_counter()
            told_s = candidate()
            took_s = time.perf_counter() - start_s
            rounds.seconds[name].append(took_s if told_s is None else told_s)
        rounds.other_cores.append(load.cores())
    return rounds
