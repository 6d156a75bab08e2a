"""Writes Markdown from text that nobody checked. Must not know what the text is about.

The text of events comes from anywhere: nothing in it may become a table cell, a link, a heading or HTML.
"""

import re
from collections.abc import Iterable, Sequence

CELL_CHARACTERS_MAX = 200
NOTHING = "n/a"
"""Stands for null."""
# Everything that means something to Markdown or HTML, and the at sign, which some viewers make a mention.
# Some viewers make a link of what begins with www and a dot.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~$@&:-]|(?<=www)\.)", re.IGNORECASE)
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(text: str) -> str:
    """One line that reads as the text and is nothing but text."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) > CELL_CHARACTERS_MAX:
        line = line[: CELL_CHARACTERS_MAX - 1] + "…"
    return _SPECIAL.sub(_escaped, line)


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    if character in _ENTITIES:
        return _ENTITIES[character]
    # Inside words and numbers these two mean nothing, and names and figures stay readable in the source.
    if character in "_-:" and _between_words(match):
        return character
    return "\\" + character


def _between_words(match: re.Match[str]) -> bool:
    text, at = match.string, match.start()
    return 0 < at < len(text) - 1 and text[at - 1].isalnum() and text[at + 1].isalnum()


def table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], *, numeric: Sequence[int] = ()
) -> list[str]:
    """Lines of a table; columns whose index is in ``numeric`` are set flush right."""
    rule = ["---:" if index in numeric else "---" for index in range(len(headings))]
    lines = [_row(escape(heading) for heading in headings), _row(rule)]
    lines += [_row(escape(cell(value)) for value in row) for row in rows]
    return lines


def cell(value: object) -> str:
    """A value as people read it."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    return str(value)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
