"""One measured number beside its target. Must not measure."""

from collections.abc import Sequence
from statistics import median
from typing import Literal

from msgspec import Struct


class Finding(Struct, frozen=True):
    """A median over rounds, and what it should have been."""

    measure: str
    """What was measured, and against what."""
    value: float
    unit: str
    """``x`` for a ratio."""
    bound: Literal["at most", "at least", "none"] = "none"
    target: float = 0.0
    rounds: list[float] = []
    """The value of each round; ``value`` is their median."""

    @property
    def verdict(self) -> Literal["met", "MISSED", ""]:
        if self.bound == "none":
            return ""
        met = self.value <= self.target if self.bound == "at most" else self.value >= self.target
        return "met" if met else "MISSED"


def at_most(measure: str, rounds: Sequence[float], target: float, unit: str = "x") -> Finding:
    return Finding(measure, median(rounds), unit, "at most", target, list(rounds))


def at_least(measure: str, rounds: Sequence[float], target: float, unit: str = "x") -> Finding:
    return Finding(measure, median(rounds), unit, "at least", target, list(rounds))


def plain(measure: str, rounds: Sequence[float], unit: str = "x") -> Finding:
    """A number that has no target."""
    return Finding(measure, median(rounds), unit, rounds=list(rounds))


def line(finding: Finding) -> str:
    """The finding as one line of text."""
    target = "" if finding.bound == "none" else f"{_sign(finding)} {_number(finding.target)}"
    spread = ""
    if len(finding.rounds) > 1:
        spread = f"[{_number(min(finding.rounds))} .. {_number(max(finding.rounds))}]"
    value = f"{_number(finding.value)} {finding.unit}"
    text = f"  {finding.measure:<58} {value:>12} {target:>10} {finding.verdict:<7}{spread}"
    return text.rstrip()


def _sign(finding: Finding) -> str:
    return "<=" if finding.bound == "at most" else ">="


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
