"""What a value of a scenario must be, as data for an error. Must not raise it."""

from typing import NamedTuple


class Demand(NamedTuple):
    """One thing that must hold for the value of a key."""

    key: str
    value: object
    """None where it is not the value that is wrong but that the key is there, or is not."""
    holds: bool
    demand: str

    def text(self) -> str:
        """One line for people."""
        if self.value is None:
            return f"{self.key} {self.demand}"
        return f"{self.key} {self.demand}, not {self.value!r}; mend the value"


def between(key: str, value: float, low: float, high: float) -> Demand:
    """Not a number is between nothing."""
    return Demand(key, value, low <= value <= high, f"is from {low:g} to {high:g}")
