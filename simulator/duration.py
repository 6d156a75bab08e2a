"""Durations and amounts as people write them. Must not read a clock."""

import re
from decimal import Decimal, InvalidOperation

from bus.errors import InputError

NS_PER_UNIT = {
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60 * 1_000_000_000,
    "h": 3_600 * 1_000_000_000,
    "d": 86_400 * 1_000_000_000,
}
DURATION_NS_MAX = 3_660 * NS_PER_UNIT["d"]
"""Ten years; moments must fit 64 bits."""
NANOUSD_PER_USD = 1_000_000_000
BUDGET_USD_MAX = 1_000_000_000
_PATTERN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|m|h|d)?", re.ASCII)


class Duration(int):
    """A length of time in nanoseconds that is written like ``90s``, ``30m``, ``24h`` or ``7d``."""

    @classmethod
    def parse(cls, text: str, bare_unit: str | None = None) -> "Duration":
        """``bare_unit`` is the unit of a number without one.

        Raises:
            InputError: not a duration, zero, or over ten years.
        """
        match = _PATTERN.fullmatch(text.strip())
        if match is None or (match[2] is None and bare_unit is None):
            raise InputError(
                f"{text!r} is not a duration; write a number and a unit like 90s, 30m, 24h or 7d"
            )
        ns = int(Decimal(match[1]) * NS_PER_UNIT[match[2] or bare_unit or "s"])
        if not 0 < ns <= DURATION_NS_MAX:
            raise InputError(f"{text!r} is out of range; a duration is above 0 and at most 3660d")
        return cls(ns)

    def __str__(self) -> str:
        for unit in ("d", "h", "m", "s", "ms"):
            if self % NS_PER_UNIT[unit] == 0 and (unit != "d" or self >= 7 * NS_PER_UNIT["d"]):
                return f"{self // NS_PER_UNIT[unit]}{unit}"
        return f"{Decimal(self) / NS_PER_UNIT['s']:f}s"


def parse_usd(text: str) -> int:
    """Dollars as nano-dollars.

    Raises:
        InputError: not a number, negative, or over a billion dollars.
    """
    try:
        usd = Decimal(text)
    except InvalidOperation:
        raise InputError(f"{text!r} is not an amount in dollars; write a number like 10.00") from None
    if not usd.is_finite() or not 0 <= usd <= BUDGET_USD_MAX:
        raise InputError(
            f"budget {text} is out of range; it is 0 or more, and at most {BUDGET_USD_MAX:,} dollars"
        )
    return int(usd * NANOUSD_PER_USD)
