"""Answers the questions about an experiment, from the logs of all its runs at once. Must not write to a run.

The database is in memory: it is made from the logs each time, and nothing is kept of it.
"""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import duckdb

from analysis.cache import SETTINGS
from analysis.database import ROWS_MAX, Result
from analysis.sql_errors import explain_sql_error
from analysis.sql_files import SqlFile, sql_folder, sql_text
from bus.errors import EnvironmentProblem, InputError, TrinityError
from store.log_reader import check_sealed
from store.run_folder import RunFolder

ARMS_FOLDER = "arms"
"""Within the folder of an experiment; below it arms/ARM/seed-SEED/ is a run, which the SQL relies on."""
MEMORY_MB = 512
RECORDS_MAX = 1_000_000
"""Labelled telemetry of all runs that fits: as measured, 400 runs of 2,000, and 4 of 250,000."""
THREADS = 2
_FOLDER = "experiments"


class Comparison(NamedTuple):
    """What the SQL has to know that no log says."""

    baseline: str
    treatment: str


class ExperimentDatabase:
    """The runs of an experiment, ready for named questions; close it, or use it as a context manager."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def named(self, name: str) -> Result:
        """The answer of a named query; raises InputError if there is none of that name."""
        wanted = name.removeprefix("@")
        known = experiment_queries()
        text = next((file.text for file in known if file.name == wanted), None)
        if text is None:
            names = ", @".join(file.name for file in known)
            raise InputError(f"no query {name[:64]!r} about an experiment; there are @{names}")
        try:
            self._connection.execute(text)
            columns = tuple(column[0] for column in self._connection.description or ())
            return Result(columns, self._connection.fetchmany(ROWS_MAX))
        except duckdb.Error as error:
            raise EnvironmentProblem(f"@{wanted}: {explain_sql_error(error)}; ask for fewer runs") from None

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def experiment_queries() -> tuple[SqlFile, ...]:
    """The named queries about an experiment."""
    return sql_folder(_FOLDER)


def open_experiment(runs: Sequence[RunFolder], compared: Comparison) -> ExperimentDatabase:
    """Load the logs of finished runs of an experiment.

    Args:
        runs: each at arms/ARM/seed-SEED/ within the folder of the experiment.
        compared: which arm is compared with which.

    Raises:
        DamageError: a log is not what was sealed.
        EnvironmentProblem: the logs cannot be read, or need more memory than there is.
    """
    # Without a folder to spill to, nothing is written anywhere.
    config = {**SETTINGS, "memory_limit": f"{MEMORY_MB}MB", "temp_directory": "", "threads": THREADS}
    connection = duckdb.connect(":memory:", config=config)
    try:
        for name, value in compared._asdict().items():
            connection.execute(sql_text(f"{_FOLDER}/variables", name), {"value": value})
        for file in sql_folder(f"{_FOLDER}/schema"):
            connection.execute(file.text)
        for run in runs:
            _load(connection, run)
    except duckdb.Error as error:
        connection.close()
        problem = explain_sql_error(error)
        raise EnvironmentProblem(f"the runs of the experiment cannot be loaded: {problem}") from None
    except TrinityError:
        connection.close()
        raise
    return ExperimentDatabase(connection)


def _load(connection: duckdb.DuckDBPyConnection, run: RunFolder) -> None:
    """One run at a time, so that no more than its answers stays in memory."""
    segments = [str(path) for path in _segments(run)]
    connection.execute(sql_text(f"{_FOLDER}/variables", "segments"), {"value": segments})
    for file in sql_folder(f"{_FOLDER}/load"):
        connection.execute(file.text)


def _segments(run: RunFolder) -> list[Path]:
    check_sealed(run.events)
    return sorted(path.resolve() for path in run.events.glob("*.jsonl"))
