"""The process that answers SQL that a person wrote: ``python -P -m analysis.sandbox_child``.

Must not be imported by anything, nor import more than DuckDB and msgspec: its start is part of every answer.
It reads one request on stdin, writes frames on stdout and ends.
"""

import os
import re
import sys
from pathlib import Path

import duckdb
import msgspec

from analysis.sandbox_limits import (
    SPILL_MB_MAX,
    confine_files,
    die_with_parent,
    leave_network,
    limit_resources,
)
from analysis.sandbox_wire import (
    NESTED_VALUE_BYTES,
    REQUEST_BYTES_MAX,
    FrameKind,
    Packer,
    Problem,
    ProblemKind,
    Request,
    encode_frame,
)
from analysis.sql_errors import explain_sql_error

THREADS = 2
FETCH_ROWS = 1_000
# Whatever else a statement is, it does no more than read, or write what is gone with this process.
ALLOWED = frozenset(
    {
        *("SELECT", "EXPLAIN", "MULTI", "SET", "CREATE", "INSERT", "UPDATE", "DELETE", "DROP"),
        *("PREPARE", "EXECUTE", "TRANSACTION"),
    }
)
# DuckDB takes these two for one statement with what they hold; what they hold is looked at as well.
_WRAPPED = re.compile(
    r"\s*(?:explain(?:\s+analyze)?(?:\s*\([^()]*\))?|prepare\s+\w+\s*(?:\([^()]*\))?\s*as)\s+",
    re.IGNORECASE,
)
_TEMPORARY = re.compile(
    r"\s*create\s+(or\s+replace\s+)?temp(orary)?\s+(table|view|macro|function)\b", re.IGNORECASE
)
_FORBIDDEN = re.compile(
    r"Permission Error|disabled by configuration|configuration has been locked|in read-only mode"
    r"|exists in the \w+ extension|loading the \w+ extension|installed? and load"
    # The name of a file that nobody looked for.
    r"|Table with name \S*/\S* does not exist"
)
_DAMAGE = re.compile(r"Corrupt database file|Could not read")


class Failed(Exception):
    """Why there is no answer."""

    def __init__(self, kind: ProblemKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def main(parent_pid: int) -> None:
    die_with_parent(parent_pid)
    request = msgspec.msgpack.decode(sys.stdin.buffer.read(REQUEST_BYTES_MAX), type=Request)
    try:
        _answer(request)
    except Failed as failed:
        _send(FrameKind.PROBLEM, Problem(failed.kind, str(failed)))
    except MemoryError:
        _send(FrameKind.PROBLEM, Problem("memory", ""))
    except RecursionError:
        _send(FrameKind.PROBLEM, Problem("depth", ""))
    sys.stdout.buffer.flush()
    # There is nothing left that has to be ended in order.
    os._exit(0)


def _answer(request: Request) -> None:
    limit_resources()
    leave_network()
    confine_files(Path(request.database), Path.cwd())
    try:
        connection = _connect(request)
    except duckdb.Error as error:
        raise Failed("damage", explain_sql_error(error)) from None
    try:
        connection.execute(request.lock_sql)
        for statement, value in request.variables:
            connection.execute(statement, {"value": value})
        _check_statements(request.sql)
        connection.execute(request.sql)
        _send_result(connection, request)
    except duckdb.Error as error:
        if "expression depth limit" in str(error):
            raise Failed("depth", "") from None
        kind = _kind(error)
        # DuckDB's own limit is told with how much of it is used; the system's limit is the parent's to tell.
        of_duckdb = f"{request.memory_mb}" if "used)" in str(error) else ""
        raise Failed(kind, of_duckdb if kind == "memory" else explain_sql_error(error)) from None
    except RuntimeError as error:
        # Where DuckDB fails without an error of its own.
        raise Failed("wrong", explain_sql_error(error)) from None


def _connect(request: Request) -> duckdb.DuckDBPyConnection:
    # DuckDB applies these in no order, so that those which lock the others come later, as SQL.
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{request.memory_mb}MB",
        "threads": THREADS,
        "temp_directory": str(Path.cwd() / "spill"),
        "max_temp_directory_size": f"{SPILL_MB_MAX}MB",
        "max_execution_time": request.statement_ms_max,
        "max_expression_depth": request.depth_max,
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "allow_persistent_secrets": False,
        "python_enable_replacements": False,
    }
    return duckdb.connect(request.database, True, settings)


def _check_statements(sql: str) -> None:
    """Refuse what is no question, before DuckDB gets to it."""
    try:
        for statement in duckdb.extract_statements(sql):
            name = statement.type.name
            if name not in ALLOWED or (name == "CREATE" and not _TEMPORARY.match(statement.query)):
                raise Failed("refused", name)
            if name in {"EXPLAIN", "PREPARE"}:
                _check_wrapped(name, statement.query)
    except ValueError:
        # The Python client has no name for the newest kinds of statement.
        raise Failed("refused", "UNKNOWN") from None


def _check_wrapped(name: str, text: str) -> None:
    match = _WRAPPED.match(text)
    inner = duckdb.extract_statements(text[match.end() :]) if match else []
    if [statement.type.name for statement in inner] != ["SELECT"]:
        raise Failed("refused", f"{name} of anything but a select")


def _send_result(connection: duckdb.DuckDBPyConnection, request: Request) -> None:
    described = connection.description or []
    _send(FrameKind.COLUMNS, [column[0] for column in described])
    packer = Packer([str(getattr(column[1], "id", "")) for column in described])
    row_count = sent_bytes = 0
    while described and (rows := connection.fetchmany(FETCH_ROWS)):
        kept = rows[: request.row_count_max - row_count]
        sent_bytes += _send(FrameKind.ROWS, packer.rows(kept))
        row_count += len(kept)
        if sent_bytes + packer.nested_count * NESTED_VALUE_BYTES > request.result_bytes_max:
            raise Failed("size", "")
        if len(kept) < len(rows):
            _send(FrameKind.END, True)
            return
    _send(FrameKind.END, False)


def _send(kind: FrameKind, content: object) -> int:
    return sys.stdout.buffer.write(encode_frame(kind, content))


def _kind(error: duckdb.Error) -> ProblemKind:
    text = str(error)
    if isinstance(error, duckdb.OutOfMemoryException):
        return "memory"
    if isinstance(error, duckdb.InterruptException):
        return "time"
    if isinstance(error, (duckdb.FatalException, duckdb.InternalException)) or _DAMAGE.match(text):
        return "damage"
    return "refused" if _FORBIDDEN.search(text) else "wrong"


if __name__ == "__main__":
    main(int(sys.argv[1]))
