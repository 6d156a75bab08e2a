"""Turns an error of DuckDB into one line for people. Must not import DuckDB."""

import re

_LINE = re.compile(r"^(LINE \d+: )(.*)$", re.MULTILINE)
_CANDIDATES = re.compile(r"^(Candidate [^\n]*|Did you mean [^\n]*)$", re.MULTILINE)
_NO_TABLE = re.compile(r"Table with name .* does not exist")
# What DuckDB brings along is never what was meant.
_OF_DUCKDB = re.compile(r"\b(pg_\w+|duckdb_\w+|sqlite_\w+|pragma_\w+|information_schema|internal)\b")
_CARET = re.compile(r"^ *\^", re.MULTILINE)
_TOKEN = re.compile(r"\w+|\S+")
MESSAGE_CHARACTERS_MAX = 400


def explain_sql_error(error: Exception) -> str:
    """The first line of the message, the text that it points at, and the names it proposes instead."""
    text = str(error)
    message = text.split("\n", 1)[0].rstrip(" !.")
    near = _near(text)
    if near and near not in message:
        message += f" near {near!r}"
    candidates = _CANDIDATES.search(text)
    if candidates and not _OF_DUCKDB.search(candidates.group(1)) and candidates.group(1) not in message:
        message += f"; {candidates.group(1)}"
    elif _NO_TABLE.search(message):
        message += "; `show tables` lists what there is"
    return _one_line(message)[:MESSAGE_CHARACTERS_MAX]


def _near(text: str) -> str | None:
    """The word above DuckDB's caret."""
    line = _LINE.search(text)
    caret = _CARET.search(text, line.end()) if line else None
    if line is None or caret is None:
        return None
    column = len(caret.group()) - 1 - len(line.group(1))
    token = _TOKEN.search(line.group(2), max(column, 0))
    return token.group() if token else None


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
