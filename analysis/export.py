"""Writes the log or the answer of a named query as CSV, Parquet or JSON lines. Must not change the run.

The file appears under its name only when it is complete.
"""

import csv
import os
from collections.abc import Iterable
from io import BufferedWriter, TextIOWrapper
from pathlib import Path
from typing import Literal, get_args

import msgspec
from msgspec import Raw

from analysis.catalog import find_query
from analysis.database import Database, Row, Stream, open_database
from analysis.sql_files import sql_text
from analysis.terminal import safe_json
from bus.errors import EnvironmentProblem, InputError
from store.run_folder import RunFolder

Format = Literal["csv", "parquet", "jsonl"]
FORMATS: tuple[str, ...] = get_args(Format)
# A spreadsheet takes a cell that begins with one of these for a formula (OWASP ASVS 1.2.10); a quote makes it
# text. The last four are the full-width forms, which some programs take for the same.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def export(run: RunFolder, path: Path, output_format: str, query: str | None = None) -> int:
    """Write the whole log, or a named query's answer, and return the number of rows.

    Args:
        run: what to export.
        path: a new file; its folder must exist.
        output_format: one of FORMATS.
        query: name of a query; None is the whole log.

    Raises:
        InputError: unknown format or query, or the file exists.
        EnvironmentProblem: the file cannot be written.
    """
    if output_format not in FORMATS:
        raise InputError(f"no format {output_format[:32]!r}; use one of {', '.join(FORMATS)}")
    sql = sql_text("exports", "events") if query is None else find_query(query).sql
    if path.exists():
        raise InputError(f"{path} exists already; choose another name or remove it")
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with open_database(run, locked=output_format != "parquet") as database:
            row_count = _write(database, sql, partial, output_format)
        partial.replace(path)
    except OSError as error:
        problem = f"{path}: cannot write the export: {error.strerror}; choose another place"
        raise EnvironmentProblem(problem) from None
    finally:
        if partial.exists():
            partial.unlink()
    return row_count


def _write(database: Database, sql: str, path: Path, output_format: str) -> int:
    with path.open("wb") as file:
        if output_format == "csv":
            return _write_csv(database.stream(sql), file)
        if output_format == "jsonl":
            return _write_json_lines(database.stream(sql), file)
    return database.write_parquet(sql, path)


def _write_csv(stream: Stream, file: BufferedWriter) -> int:
    text = TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text)
    # A pivot names its columns by what events say.
    writer.writerow([_safe(column) for column in stream.columns])
    row_count = 0
    for row in stream.rows:
        writer.writerow([_safe(value) if isinstance(value, str) else value for value in row])
        row_count += 1
    # The caller closes the file.
    text.detach()
    return row_count


def _safe(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA_STARTS) else value


def _write_json_lines(stream: Stream, file: BufferedWriter) -> int:
    encode = msgspec.json.Encoder().encode
    row_count = 0
    for row in stream.rows:
        file.write(safe_json(encode(_record(stream.columns, row))) + b"\n")
        row_count += 1
    return row_count


def _record(columns: Iterable[str], row: Row) -> dict[str, object]:
    # The body is JSON already.
    return {
        name: Raw(value.encode()) if name == "data" and isinstance(value, str) else value
        for name, value in zip(columns, row, strict=True)
    }
