"""How the command line speaks: tables and progress for people, JSON for programs, one line for errors.

Must not decide anything.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache

import msgspec
from rich.console import Console, JustifyMethod
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from analysis.terminal import safe as safe
from analysis.terminal import safe_json
from simulator.cli.layout import broken_header, column_widths
from simulator.exit_codes import ExitCode

CELL_CHARACTERS_MAX = 200
COLUMNS_SIDE_BY_SIDE_MAX = 4
"""A single row with more columns is shown one value a line."""
PIPE_COLUMNS = 400
ROWS_SHOWN_MAX = 500
"""Of a table; nobody reads more, and to lay out a hundred thousand takes minutes."""


@cache
def stdout() -> Console:
    # Where nobody looks, a table is as wide as it needs; rich would fold it to 80 columns.
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPE_COLUMNS)


@cache
def stderr() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


def fail(message: str, code: ExitCode) -> ExitCode:
    """Say in one line what is wrong; the exit code, for returning."""
    sys.stderr.write(f"trinity: {safe(message.strip())}\n")
    return code


def note(message: str) -> None:
    """Say in one line on stderr what is not wrong, but may not be expected."""
    sys.stderr.write(f"trinity: note: {safe(message)}\n")


def is_interruption(error: BaseException) -> bool:
    """Whether this is what Ctrl-C raised: Python's own, or DuckDB's word for it."""
    return isinstance(error, KeyboardInterrupt) or str(error) == "Query interrupted"


def say(text: str = "", style: str = "") -> None:
    stdout().print(Text(safe(text), style=style))


def print_json(value: object) -> None:
    """One JSON object or array on one line."""
    text = safe_json(msgspec.json.encode(value, enc_hook=str)).decode()
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(json.loads(text), separators=(",", ":"))  # the same in ASCII
    sys.stdout.write(f"{text}\n")


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()
) -> None:
    """A table; numbers stand to the right, long cells are cut, and only the first rows are shown.

    What is too wide for the terminal is shown one value a line, row by row.
    """
    if len(rows) == 1 and len(columns) > COLUMNS_SIDE_BY_SIDE_MAX:
        say(title, "bold")
        print_pairs({column: _cell(value) for column, value in zip(columns, rows[0], strict=True)})
        return
    # A plain string would be read as rich's markup.
    heading = Text(safe(title)) if title else None
    row_count, rows = len(rows), rows[:ROWS_SHOWN_MAX]
    table = Table(title=heading, title_justify="left", title_style="bold", header_style="bold")
    numeric = [bool(rows) and all(_is_number(row[n]) for row in rows) for n in range(len(columns))]
    cells = [[_cell(value) for value in row] for row in rows]
    headers = [safe(column) for column in columns]
    widths = column_widths(headers, cells, stdout().width)
    if widths is None:
        _print_blocks(title, headers, cells)
    else:
        for column, header, is_numeric, width in zip(columns, headers, numeric, widths, strict=True):
            justify: JustifyMethod = "right" if is_numeric or column in right else "left"
            shown = Text(broken_header(header, width))
            table.add_column(shown, justify=justify, overflow="fold", width=width)
        for row in cells:
            table.add_row(*map(Text, row))
        stdout().print(table)
    if row_count > len(rows):
        say(f"the first {len(rows)} of {row_count:,} rows; add a limit, or use --json")


def _print_blocks(title: str, headers: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    if title:
        say(title, "bold")
    for number, row in enumerate(cells, start=1):
        say(f"row {number}", "dim")
        print_pairs(dict(zip(headers, row, strict=True)))


def print_pairs(pairs: Mapping[str, object]) -> None:
    """Names and values, one pair a line."""
    width = max((len(name) for name in pairs), default=0)
    for name, value in pairs.items():
        stdout().print(Text(f"  {safe(name):<{width}}  ", style="dim") + Text(safe(str(value))))


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    text = safe(f"{value:.6g}" if isinstance(value, float) else str(value))
    return text if len(text) <= CELL_CHARACTERS_MAX else f"{text[: CELL_CHARACTERS_MAX - 1]}…"


@contextmanager
def progress_bar(title: str, total: int, *, quiet: bool) -> Iterator["Bar"]:
    """A bar on stderr that is shown only to people: nothing is printed where stderr is not a terminal."""
    if quiet or not stderr().is_terminal:
        yield Bar(None)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    progress = Progress(*columns, console=stderr(), transient=True)
    progress.add_task(title, total=total, note="")
    try:
        yield Bar(progress)
    finally:
        progress.stop()


class Bar:
    """A progress bar, or nothing. It appears with the first news; what is said before stands above it."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress

    def update(self, completed: int, note: str) -> None:
        if self._progress is not None:
            self._progress.start()
            self._progress.update(self._progress.task_ids[0], completed=completed, note=note)
