"""Every named query on a million events: first against DuckDB's scan, then against its native table."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import duckdb

from analysis.catalog import NamedQuery, named_queries
from analysis.database import Database, open_database
from bench import native
from bench.finding import Finding, at_most, plain
from bench.realistic_log import busy_run
from bench.rounds import interleave
from store.run_folder import RunFolder

COLD_TARGET = 2.0
WARM_TARGET = 1.5
ROUNDS = 3
EVENT_COUNT = 1_000_000


class _Table(NamedTuple):
    """The native table of DuckDB: its file, and a connection to it."""

    path: Path
    connection: duckdb.DuckDBPyConnection


def measure(round_count: int, folder: Path) -> list[Finding]:
    run = busy_run(folder, EVENT_COUNT)
    path = folder / "native.duckdb"
    if not path.exists():
        native.build(run, path)
    native.scan(run)
    with duckdb.connect(str(path), read_only=True) as connection:
        table = _Table(path, connection)
        findings = [f for query in named_queries() for f in _measure_query(round_count, run, query, table)]
    return sorted(findings, key=lambda finding: finding.measure)


def _measure_query(round_count: int, run: RunFolder, query: NamedQuery, table: _Table) -> list[Finding]:
    rounds = interleave({"cold": lambda: _cold(run, query), "scan": lambda: native.scan(run)}, round_count)
    load_line = rounds.load_line()
    cold = rounds.ratios("cold", "scan")
    with open_database(run) as database:
        candidates: dict[str, Callable[[], None]] = {
            "opened": lambda: _opened(run, query),
            "native opened": lambda: _native_opened(table, query),
            "query": lambda: _query(database, query),
            "native query": lambda: _native_query(table, query),
        }
        interleave(candidates, 1)  # fills the file cache
        rounds = interleave(candidates, 2 * round_count)
    name = query.name
    print(f"  {name}: {load_line.strip()}", flush=True)
    return [
        at_most(f"first time: {name} / scan", cold, COLD_TARGET),
        at_most(f"again: open + {name} / native", rounds.ratios("opened", "native opened"), WARM_TARGET),
        at_most(f"again, open: {name} / native", rounds.ratios("query", "native query"), WARM_TARGET),
        plain(f"ms: {name}, alone", [1000 * s for s in rounds.seconds["query"]], "ms"),
    ]


def _cold(run: RunFolder, query: NamedQuery) -> None:
    shutil.rmtree(run.cache, ignore_errors=True)
    _opened(run, query)


def _opened(run: RunFolder, query: NamedQuery) -> None:
    with open_database(run) as database:
        _query(database, query)


def _query(database: Database, query: NamedQuery) -> None:
    for _ in database.stream(query.sql).rows:
        pass


def _native_opened(table: _Table, query: NamedQuery) -> None:
    # The file is open in this process already, and DuckDB shares what it has read: hard to beat.
    with duckdb.connect(str(table.path), read_only=True) as connection:
        native.fetch_all(connection, query.sql)


def _native_query(table: _Table, query: NamedQuery) -> None:
    native.fetch_all(table.connection, query.sql)
