"""The anchors of ``queries``: DuckDB with its own defaults. Must not use the cache of the product."""

from pathlib import Path

import duckdb

from analysis.sql_files import sql_folder, sql_text
from store.run_folder import RunFolder

_SCAN = (Path(__file__).parent / "sql" / "scan.sql").read_text(encoding="utf-8")
FETCH_ROWS = 10_000


def scan(run: RunFolder) -> None:
    """DuckDB's own typed scan of the segments, all columns consumed."""
    with duckdb.connect() as connection:
        _name_segments(connection, run.events)
        fetch_all(connection, _SCAN)


def build(run: RunFolder, path: Path) -> None:
    """A DuckDB file with the tables and views that the product has, made with no limits."""
    with duckdb.connect(str(path)) as connection:
        for file in sql_folder("schema"):
            if file.name[0].isdigit():
                connection.execute(file.text)
        for table, folder in (("events", run.events), ("observations", run.observations)):
            _name_segments(connection, folder)
            connection.execute(sql_text("schema", f"load_{table}"))
        for file in sql_folder("views"):
            connection.execute(file.text)


def fetch_all(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    """Run a query, fetch every row of its result and return how many there were."""
    connection.execute(sql)
    row_count = 0
    while rows := connection.fetchmany(FETCH_ROWS):
        row_count += len(rows)
    return row_count


def _name_segments(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    paths = [str(path) for path in sorted(folder.glob("*.jsonl"))]
    connection.execute(sql_text("variables", "segments"), {"value": paths})
