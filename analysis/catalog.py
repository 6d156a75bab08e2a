"""Lists the named queries: what each is called and what its columns mean. Must not run them."""

import re
from difflib import get_close_matches
from functools import cache
from typing import NamedTuple

from analysis.sql_files import sql_folder
from bus.errors import InputError

_TITLE = re.compile(r"^-- title: (.+)$", re.MULTILINE)
_VARIABLE = re.compile(r"getvariable\('(\w+)'\)")


class NamedQuery(NamedTuple):
    name: str
    title: str
    header: str
    """Grain, columns, units and variables, as the file tells them, without comment marks."""
    sql: str
    variables: frozenset[str]
    """That it asks for; none of them has to be set."""


@cache
def named_queries() -> tuple[NamedQuery, ...]:
    """All of them, by name."""
    return tuple(_named_query(file.name, file.text) for file in sql_folder("queries"))


def find_query(name: str) -> NamedQuery:
    """One of them.

    Raises:
        InputError: there is none of that name.
    """
    wanted = name.removeprefix("@")
    names = [query.name for query in named_queries()]
    if wanted in names:
        return named_queries()[names.index(wanted)]
    close = get_close_matches(wanted, names, n=3)
    hint = f"did you mean @{', @'.join(close)}?" if close else "`trinity sql --list` shows all"
    raise InputError(f"no query {wanted[:64]!r}; {hint}")


def _named_query(name: str, text: str) -> NamedQuery:
    title = _TITLE.search(text)
    assert title, f"queries/{name}.sql has no title"
    lines = text.splitlines()
    end = next(index for index, line in enumerate(lines) if not line.startswith("--"))
    header = "\n".join(line[3:] for line in lines[1:end])
    return NamedQuery(name, title.group(1), header, text, frozenset(_VARIABLE.findall(text)))
