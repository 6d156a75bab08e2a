"""What one torture case found, as a row of the table. Must not run anything.

A case is a module of this folder with ``run(effort: Effort) -> list[Outcome]``: bounded in time, on loopback
only, with fixed seeds. `make test` runs each with :data:`SHORT`, `make torture` with :data:`FULL`.
"""

from typing import NamedTuple

from msgspec import Struct


class Effort(Struct, frozen=True):
    """How much a case tries: ``count(full, short)`` picks the number that fits."""

    is_full: bool

    def count(self, full: int, short: int) -> int:
        return full if self.is_full else short


FULL = Effort(is_full=True)
SHORT = Effort(is_full=False)


class Outcome(NamedTuple):
    case: str
    tried: int
    """How many attempts were made; a case that tried nothing has not passed."""
    figures: dict[str, int | float]
    """By name with its unit, like ``{"acknowledged_lost": 0, "restart_p50_ms": 41.0}``."""
    must_be_zero: tuple[str, ...]
    """Figures that fail the case unless they are 0."""
    must_be_positive: tuple[str, ...] = ()
    """Figures that show that the case bites."""

    @property
    def passed(self) -> bool:
        return (
            self.tried > 0
            and all(self.figures[name] == 0 for name in self.must_be_zero)
            and all(self.figures[name] > 0 for name in self.must_be_positive)
        )
