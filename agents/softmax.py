"""Turns evidence into probabilities in whole numbers. Must not use a library's exp, whose last bit differs.

Evidence comes in steps of 1 / :data:`STEPS_PER_NAT` natural-log unit. The powers of e come from a table that
integer arithmetic makes, so the probabilities are the same to the bit on every machine.
"""

from collections.abc import Sequence
from functools import cache
from math import factorial

STEPS_PER_NAT = 256
NATS_MAX = 24
"""What is so far behind the strongest has no chance."""
DECIMALS = 10_000
"""Probabilities are whole numbers of 1 / 10,000."""
_POWER_BITS = 40
_FRACTION_BITS = 96
_SERIES_LENGTH = 16


@cache
def powers() -> tuple[int, ...]:
    """``exp(-steps / 256) * 2^40`` for each number of steps, rounded down; ends with a zero."""
    one = 1 << _FRACTION_BITS
    step = sum((-1) ** n * one // (STEPS_PER_NAT**n * factorial(n)) for n in range(_SERIES_LENGTH))
    table, power = [], one
    for _ in range(NATS_MAX * STEPS_PER_NAT):
        table.append(power >> (_FRACTION_BITS - _POWER_BITS))
        power = power * step >> _FRACTION_BITS
    return (*table, 0)


def probabilities_of(steps: Sequence[int]) -> list[float]:
    """The softmax of one row of evidence, four decimals."""
    table, most = powers(), max(steps)
    shares = [table[min(most - step, len(table) - 1)] for step in steps]
    total = sum(shares)
    return [(2 * DECIMALS * share + total) // (2 * total) / DECIMALS for share in shares]
