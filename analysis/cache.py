"""Builds the DuckDB file of a run in its cache folder, or finds it still good. Must not answer questions.

The log is the truth and this file only saves time: it is built under a temporary name and renamed, and it is
built again whenever the log or the SQL of this package is not the one that it was made from.
"""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import duckdb
import msgspec

from analysis.log_facts import CacheKey, LogFacts, log_facts
from analysis.sql_files import schema_sha256, sql_folder, sql_text
from bus.errors import DamageError, EnvironmentProblem
from store.log_reader import check_sealed, readable_segments
from store.run_folder import RunFolder

DATABASE_NAME = "events.duckdb"
BUILD_MEMORY_MB = (160, 1_024)
"""What DuckDB may use while it loads a log; the second for lines too long for the first. The process has
about 60 MB beside it."""
BUILD_THREADS = 2


class QueryLimits(NamedTuple):
    thread_count: int
    memory_mb_min: int
    """What DuckDB may use; what does not fit spills. See QUERY_MEMORY_SHARE."""


FOR_PEOPLE = QueryLimits(2, 160)
FOR_REPORT = QueryLimits(1, 96)
"""The end of a run, which has no memory to spare. Each thread of a sort wants memory of its own, and sorts
fail close to the limit: ten days of ``busy`` ran out of 96 MB with two threads, and not with one."""
QUERY_MEMORY_SHARE = 5
"""A file of more events gets this part of its size: medians and joins hold a value of each event."""
SPILL_MB_MAX = 4_096
"""Of temporary files in the cache folder."""
SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "max_temp_directory_size": f"{SPILL_MB_MAX}MB",
    # Every table has seq to order by.
    "preserve_insertion_order": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,
}


def connect_to_build(path: Path, memory_mb: int) -> duckdb.DuckDBPyConnection:
    """Open a new database file; what does not fit in memory spills beside it."""
    return duckdb.connect(str(path), config={**SETTINGS, **_space(path, memory_mb), "threads": BUILD_THREADS})


def connect_to_ask(path: Path, limits: QueryLimits, *, locked: bool) -> duckdb.DuckDBPyConnection:
    """Open a database file read-only. All connections of a process to one file must be locked, or none."""
    lock = {"enable_external_access": False, "lock_configuration": True} if locked else {}
    memory_mb = max(limits.memory_mb_min, path.stat().st_size // (QUERY_MEMORY_SHARE * 1_000_000))
    space = _space(path, memory_mb)
    return duckdb.connect(str(path), True, {**SETTINGS, **space, "threads": limits.thread_count, **lock})


def _space(path: Path, memory_mb: int) -> dict[str, str]:
    return {"memory_limit": f"{memory_mb}MB", "temp_directory": str(path.parent / "spill")}


def open_cache(run: RunFolder, limits: QueryLimits, *, locked: bool) -> duckdb.DuckDBPyConnection:
    """The database of a run, read-only, built if there is none that matches.

    Args:
        run: whose log is loaded.
        limits: all connections of a process to one file must have the same.
        locked: no statement can then read or write a file, load an extension or change a setting.

    Raises:
        DamageError: the log cannot be read as events.
        EnvironmentProblem: the cache folder cannot be written.
    """
    try:
        run.cache.mkdir(exist_ok=True)
        # Copies of segments that are still being written; gone when the database is there.
        with TemporaryDirectory(prefix="copy-", dir=run.cache) as scratch:
            return _open_or_build(run, Path(scratch), limits, locked)
    except OSError as error:
        raise EnvironmentProblem(
            f"{run.cache}: cannot write the cache: {error.strerror}; make the folder writable or copy the run"
        ) from None


def _open_or_build(
    run: RunFolder, scratch: Path, limits: QueryLimits, locked: bool
) -> duckdb.DuckDBPyConnection:
    segments = {
        "events": _segments(run.events, scratch / "events"),
        "observations": _segments(run.observations, scratch / "observations"),
    }
    key = _key(run, segments)
    path = run.cache / DATABASE_NAME
    connection = _open_if_matching(path, key, limits, locked)
    if connection is None:
        for log in (run.events, run.observations):
            if log.exists():
                check_sealed(log)
        _build(path, key, segments)
        connection = connect_to_ask(path, limits, locked=locked)
    return connection


def _segments(folder: Path, scratch: Path) -> list[Path]:
    """None for observations that nobody made."""
    if not folder.exists():
        return []
    scratch.mkdir()
    return readable_segments(folder, scratch)


def _key(run: RunFolder, segments: dict[str, list[Path]]) -> str:
    facts: dict[str, LogFacts] = {
        "events": log_facts(run.events, segments["events"]),
        "observations": log_facts(run.observations, segments["observations"]),
    }
    return msgspec.json.encode(CacheKey(schema_sha256(), duckdb.__version__, **facts)).decode()


def _open_if_matching(
    path: Path, key: str, limits: QueryLimits, locked: bool
) -> duckdb.DuckDBPyConnection | None:
    """The database if it holds this key. A file that DuckDB cannot open or read is as good as none."""
    if not path.exists():
        return None
    try:
        connection = connect_to_ask(path, limits, locked=locked)
    except duckdb.Error:
        return None
    with suppress(duckdb.Error):
        if connection.execute(sql_text("schema", "read_key")).fetchall() == [(key,)]:
            return connection
    connection.close()
    return None


def _build(path: Path, key: str, segments: dict[str, list[Path]]) -> None:
    for memory_mb in BUILD_MEMORY_MB:
        if _build_within(memory_mb, path, key, segments):
            return
    raise EnvironmentProblem(
        f"{path.parent}: the lines of this log are too long to be loaded within {BUILD_MEMORY_MB[-1]} MB; "
        "read its segments in events/ with another tool"
    )


def _build_within(memory_mb: int, path: Path, key: str, segments: dict[str, list[Path]]) -> bool:
    """False if the log needs more memory."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with connect_to_build(partial, memory_mb) as connection:
            _fill(connection, key, segments)
        partial.replace(path)
    except duckdb.OutOfMemoryException:
        return False
    except duckdb.IOException as error:
        problem = f"{partial.parent}: {_first_line(error)}; free some space or copy the run"
        raise EnvironmentProblem(problem) from None
    except duckdb.Error as error:
        run = path.parent.parent
        raise DamageError(f"{run / 'events'}: {_first_line(error)}; run `trinity verify {run}`") from None
    finally:
        for leftover in (partial, partial.with_name(f"{partial.name}.wal")):
            leftover.unlink(missing_ok=True)
    return True


def _fill(connection: duckdb.DuckDBPyConnection, key: str, segments: dict[str, list[Path]]) -> None:
    for file in sql_folder("schema"):
        if file.name[0].isdigit():
            connection.execute(file.text)
    for table, paths in segments.items():
        if paths:
            connection.execute(sql_text("variables", "segments"), {"value": [str(path) for path in paths]})
            connection.execute(sql_text("schema", f"load_{table}"))
    for file in sql_folder("views"):
        connection.execute(file.text)
    connection.execute(sql_text("schema", "store_key"), {"key": key})


def _first_line(error: duckdb.Error) -> str:
    return str(error).split("\n", 1)[0]
