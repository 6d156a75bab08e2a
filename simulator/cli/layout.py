"""Lays a table out for the width of a terminal. Must not print."""

from collections.abc import Sequence
from itertools import accumulate

LONG_CHARACTERS = 30
"""A longer cell may be broken into lines; a shorter one, such as a number or a name, stands whole."""
FRAME_CHARACTERS = 3
"""Of each column, and one more."""


def column_widths(columns: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """The width of each column, or None if the table fits in no way that can be read.

    Where the table is too wide, headers break at underscores, and long cells anywhere.
    """
    longest = [max((len(row[n]) for row in cells), default=0) for n in range(len(columns))]
    wide = [max(most, len(column)) for most, column in zip(longest, columns, strict=True)]
    narrow = [
        max(min(most, LONG_CHARACTERS), *(len(piece) for piece in _pieces(column)))
        for most, column in zip(longest, columns, strict=True)
    ]
    left = width - sum(narrow) - FRAME_CHARACTERS * len(columns) - 1
    if left < 0:
        return None
    wishes = [want - have for want, have in zip(wide, narrow, strict=True)]
    # What is left goes to the columns from the left on, each up to what it can use.
    before = [0, *accumulate(wishes)][: len(wishes)]
    given = [max(0, min(wish, left - used)) for wish, used in zip(wishes, before, strict=True)]
    return [have + more for have, more in zip(narrow, given, strict=True)]


def broken_header(column: str, width: int) -> str:
    """The header in as few lines as the width allows, broken at underscores."""
    lines = [""]
    for piece in _pieces(column):
        if lines[-1] and len(lines[-1]) + len(piece) > width:
            lines.append(piece)
        else:
            lines[-1] += piece
    return "\n".join(lines)


def _pieces(column: str) -> list[str]:
    *first, last = column.split("_")
    return [*(f"{name}_" for name in first), last]
