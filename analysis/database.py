"""Answers SQL about one run from a locked, read-only database. Must not build SQL, write to the run or print.

After opening, no statement can read or write a file, load an extension, see a Python variable or change a
setting.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import duckdb

from analysis.cache import DATABASE_NAME, FOR_PEOPLE, QueryLimits, open_cache
from analysis.catalog import find_query
from analysis.sql_errors import explain_sql_error
from analysis.sql_files import sql_folder, sql_text
from bus.errors import EnvironmentProblem, InputError
from store.run_folder import RunFolder

ROWS_MAX = 1_000_000
"""Rows that one result holds."""
FETCH_ROWS = 1_000
"""Rows fetched at a time when a result is streamed."""

_CACHE_ERRORS = (duckdb.IOException, duckdb.FatalException, duckdb.InternalException)

Row = tuple[object, ...]


class Result(NamedTuple):
    columns: tuple[str, ...]
    rows: list[Row]
    is_truncated: bool = False
    """There were more than ROWS_MAX rows."""

    def records(self) -> list[dict[str, object]]:
        """The rows as dictionaries."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Stream(NamedTuple):
    """A result too long to hold; to be read before the next query."""

    columns: tuple[str, ...]
    rows: Iterator[Row]


class Database:
    """One run, ready for questions; close it, or use it as a context manager. For one thread."""

    def __init__(self, run: RunFolder, connection: duckdb.DuckDBPyConnection) -> None:
        self.run = run
        self._connection = connection
        self._answers: dict[str, Result] = {}
        self._is_holding = False

    def query(self, sql: str) -> Result:
        """Run statements and return what the last one gives.

        Raises:
            InputError: DuckDB refuses the SQL; one line that says where.
            EnvironmentProblem: a limit was met, or the cache is damaged.
        """
        columns = self._execute(sql)
        if not columns:
            return Result((), [])
        rows = self._fetch(ROWS_MAX + 1)
        return Result(columns, rows[:ROWS_MAX], len(rows) > ROWS_MAX)

    def named(self, name: str) -> Result:
        """The answer of a named query, remembered; raises InputError if there is none of that name."""
        query = find_query(name)
        if query.name not in self._answers:
            self._answers[query.name] = self.query(query.sql)
        return self._answers[query.name]

    def hold(self) -> None:
        """Compute once what a report asks several times: temporary tables take the place of some views."""
        if not self._is_holding:
            self._is_holding = True
            for file in sql_folder("held"):
                self._execute(file.text)

    def record(self, name: str) -> dict[str, object]:
        """The first row of a named query; its columns are null if it has no row."""
        result = self.named(name)
        return result.records()[0] if result.rows else dict.fromkeys(result.columns)

    def stream(self, sql: str) -> Stream:
        """Like :meth:`query`, a block of rows at a time."""
        return Stream(self._execute(sql), self._fetch_blocks())

    def write_parquet(self, sql: str, path: Path) -> int:
        """Write what a query gives and return the number of rows; needs ``locked=False`` at opening."""
        try:
            self._connection.sql(sql).write_parquet(str(path), compression="zstd")
            return self._connection.read_parquet(str(path)).shape[0]
        except duckdb.Error as error:
            raise self._explained(error) from None

    def set_variable(self, name: str, value: str | int) -> None:
        """Give a value to one of the variables that named queries take.

        Raises:
            InputError: there is no such variable.
        """
        names = [file.name for file in sql_folder("variables") if file.name != "segments"]
        if name not in names:
            raise InputError(f"no variable {name[:64]!r}; there are: {', '.join(names)}")
        self._connection.execute(sql_text("variables", name), {"value": value})
        self._answers.clear()

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _execute(self, sql: str) -> tuple[str, ...]:
        # DuckDB fails with a RuntimeError on text that has no UTF-8.
        if not sql.isascii() and sql.encode(errors="replace").decode() != sql:
            raise InputError("the SQL holds a character that cannot be encoded as UTF-8; remove it")
        try:
            self._connection.execute(sql)
        except duckdb.Error as error:
            raise self._explained(error) from None
        return tuple(column[0] for column in self._connection.description or ())

    def _fetch_blocks(self) -> Iterator[Row]:
        while rows := self._fetch(FETCH_ROWS):
            yield from rows

    def _fetch(self, row_count: int) -> list[Row]:
        """DuckDB computes some results only when they are fetched, and fails only then."""
        try:
            return self._connection.fetchmany(row_count)
        except duckdb.Error as error:
            raise self._explained(error) from None

    def _explained(self, error: Exception) -> Exception:
        if isinstance(error, duckdb.OutOfMemoryException):
            return EnvironmentProblem(f"{explain_sql_error(error)}; ask for fewer rows or columns")
        # A block with a wrong checksum is a bare duckdb.Error, told by its text alone.
        is_damage = isinstance(error, _CACHE_ERRORS) or str(error).startswith("Corrupt database file")
        if is_damage:
            path = self.run.cache / DATABASE_NAME
            path.unlink(missing_ok=True)
            problem = explain_sql_error(error)
            return EnvironmentProblem(f"{path}: {problem}; it was removed, run the command again")
        return InputError(explain_sql_error(error))


def open_database(run: RunFolder, *, locked: bool = True, limits: QueryLimits = FOR_PEOPLE) -> Database:
    """Open a run for questions, loading its log if the cache does not hold it already.

    Args:
        run: the run; may still be written, then the answer is about its complete commits so far.
        locked: False leaves DuckDB able to write files, for export; never for SQL that a person typed. No
            other database of this run may then be open in the process.
        limits: of the queries; the same for all databases of this run that are open in the process.

    Raises:
        DamageError: the log cannot be read as events.
        EnvironmentProblem: the cache folder cannot be written.
    """
    return Database(run, open_cache(run, limits, locked=locked))


def only_value(result: Result) -> object:
    """The value of a result of one row and one column."""
    assert len(result.rows) == 1, f"one row expected, got {len(result.rows)}"
    row: Sequence[object] = result.rows[0]
    assert len(row) == 1, f"one column expected, got {result.columns}"
    return row[0]
