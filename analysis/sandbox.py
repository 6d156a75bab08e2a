"""Answers SQL that a person wrote, in a process of its own that can do nothing else. Must not run it here.

The process is started for one question and sees one file, read-only. What it may use is in
:mod:`analysis.sandbox_limits`; how long it may take and how much it may answer is said here.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from types import TracebackType
from typing import NamedTuple, Self

import msgspec

from analysis.cache import DATABASE_NAME, FOR_PEOPLE, QUERY_MEMORY_SHARE, open_cache
from analysis.database import ROWS_MAX, Result, Row
from analysis.sandbox_limits import MEMORY_MB_MAX
from analysis.sandbox_wire import (
    HEAD_BYTES,
    REQUEST_BYTES_MAX,
    FrameKind,
    Head,
    Problem,
    Request,
    decode_head,
    decode_rows,
)
from analysis.sql_files import sql_folder, sql_text
from bus.errors import EnvironmentProblem, InputError, RefusedError
from store.run_folder import RunFolder

KILL_GRACE_S = 1
"""So much later than DuckDB should have stopped, the process is killed, whatever it does."""
SQL_CHARACTERS_MAX = 1 << 20
DEPTH_MAX = 1_000
"""So deep may an expression or a value be nested."""
DUCKDB_MB = (512, 1_024)
"""Least and most that DuckDB may use; between them a share of the file, see QUERY_MEMORY_SHARE."""
INHERITED = ("LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONHASHSEED", "TZ")
"""Variables of the environment that the process is given; no key or token of a person is among them."""
_ROOT = Path(__file__).resolve().parents[1]


class Limits(NamedTuple):
    """Of one question; what its process may use of the machine is in :mod:`analysis.sandbox_limits`."""

    seconds_max: int = 30
    result_mb_max: int = 256
    """On its way, and about as it is held."""
    row_count_max: int = ROWS_MAX
    """More rows are not sent, and the result says so."""


FOR_A_PERSON = Limits()


class LimitMet(InputError):
    """A question that needs more than it may have; says which limit and its value."""


class Sandboxed:
    """A run that answers each question in a process of its own."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run

    def query(self, sql: str) -> Result:
        """Raises like :func:`ask`."""
        return ask(self._run, sql)


def ask(
    run: RunFolder,
    sql: str,
    variables: Mapping[str, str | int] | None = None,
    limits: Limits = FOR_A_PERSON,
) -> Result:
    """Run statements that nobody checked and return what the last one gives.

    Args:
        run: the run; may still be written, then the answer is about its complete commits so far.
        sql: one or more statements of DuckDB's dialect.
        variables: values of variables that named queries take.
        limits: what the question may take and give.

    Raises:
        InputError: DuckDB refuses the SQL; one line that says where.
        LimitMet: it takes too long, needs too much memory or says too much.
        RefusedError: it would read or write something else than the run's database.
        DamageError: the log cannot be read as events.
        EnvironmentProblem: the cache cannot be written or is damaged, or no process can be started.
    """
    if len(sql) > SQL_CHARACTERS_MAX:
        problem = f"the SQL has {len(sql):,} characters, the limit is {SQL_CHARACTERS_MAX:,}"
        raise LimitMet(f"{problem}; shorten it")
    # MessagePack cannot carry it, nor can DuckDB read it.
    if not sql.isascii() and sql.encode(errors="replace").decode() != sql:
        raise InputError("the SQL holds a character that cannot be encoded as UTF-8; remove it")
    try:
        run.cache.mkdir(exist_ok=True)
        with (
            TemporaryDirectory(prefix="ask-", dir=run.cache) as folder,
            _Child(Path(folder), limits) as child,
        ):
            # While the process starts, the database is built, or found still good.
            open_cache(run, FOR_PEOPLE, locked=True).close()
            return child.ask(run, _request(run, sql, variables or {}, limits))
    except OSError as error:
        raise EnvironmentProblem(
            f"{run.cache}: cannot ask from there: {error.strerror}; make the folder writable or copy the run"
        ) from None


def _request(run: RunFolder, sql: str, variables: Mapping[str, str | int], limits: Limits) -> bytes:
    known = [file.name for file in sql_folder("variables") if file.name != "segments"]
    for name in variables:
        if name not in known:
            raise InputError(f"no variable {name[:64]!r}; there are: {', '.join(known)}")
    path = run.cache.resolve() / DATABASE_NAME
    least, most = DUCKDB_MB
    share_mb = path.stat().st_size // (QUERY_MEMORY_SHARE * 1_000_000)
    request = Request(
        database=str(path),
        memory_mb=min(max(least, share_mb), most),
        statement_ms_max=limits.seconds_max * 1_000,
        row_count_max=limits.row_count_max,
        result_bytes_max=limits.result_mb_max << 20,
        depth_max=DEPTH_MAX,
        lock_sql=sql_text("locks", "sandbox"),
        variables=[(sql_text("variables", name), value) for name, value in variables.items()],
        sql=sql,
    )
    content = msgspec.msgpack.encode(request)
    assert len(content) < REQUEST_BYTES_MAX, "SQL_CHARACTERS_MAX keeps a request below its limit"
    return content


class _Child:
    """The process, from its start to its end; killed when the block is left in any way."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._limits = limits
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        self._process = subprocess.Popen(
            # -P keeps the current folder off the module path.
            [sys.executable, "-P", "-m", "analysis.sandbox_child", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={**inherited, "PYTHONPATH": _python_path(), "PYTHONDONTWRITEBYTECODE": "1"},
            # Ctrl-C is for the parent, which then ends this one.
            start_new_session=True,
        )
        self._timer = Timer(limits.seconds_max + KILL_GRACE_S, self._end_late)
        self._timer.daemon = True
        self._is_late = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()

    def ask(self, run: RunFolder, request: bytes) -> Result:
        self._timer.start()
        assert self._process.stdin, "it was asked for"
        assert isinstance(self._process.stdout, BufferedReader), "it was asked for"
        try:
            self._process.stdin.write(request)
            self._process.stdin.close()
            answer = _read_answer(self._process.stdout, self._limits)
        except BrokenPipeError:
            answer = None
        except (ValueError, msgspec.MsgspecError, RecursionError):
            raise InputError("the answer cannot be read; ask for simpler values") from None
        if isinstance(answer, Result):
            return answer
        raise _error(run, answer, self._limits) if answer else self._died()

    def _end_late(self) -> None:
        self._is_late = True
        self._process.kill()

    def _died(self) -> Exception:
        """Why it ended without an answer."""
        code = self._process.wait()
        if self._is_late:
            return _time_met(self._limits)
        if code > 0:
            return EnvironmentProblem(
                f"the process that answers ended with exit code {code}; run `trinity doctor`, then ask again"
            )
        return _memory_met(MEMORY_MB_MAX, f" (it was ended by signal {-code})")


def _read_answer(pipe: BufferedReader, limits: Limits) -> Result | Problem | None:
    """None when the process ended before it had said all.

    Raises:
        LimitMet: it says more than the limit allows, whatever it was told.
    """
    columns: tuple[str, ...] = ()
    rows: list[Row] = []
    left_bytes = limits.result_mb_max << 21  # twice what the process holds itself to
    while head := _read_head(pipe):
        left_bytes -= head.size_bytes + HEAD_BYTES
        if left_bytes < 0:
            raise _size_met(limits)
        content = pipe.read(head.size_bytes)
        if len(content) < head.size_bytes:
            return None
        match head.kind:
            case FrameKind.COLUMNS:
                columns = msgspec.msgpack.decode(content, type=tuple[str, ...])
            case FrameKind.ROWS:
                rows += decode_rows(content)
            case FrameKind.END:
                return Result(columns, rows, msgspec.msgpack.decode(content, type=bool))
            case FrameKind.PROBLEM:
                return msgspec.msgpack.decode(content, type=Problem)
    return None


def _read_head(pipe: BufferedReader) -> Head | None:
    head = pipe.read(HEAD_BYTES)
    return decode_head(head) if len(head) == HEAD_BYTES else None


def _error(run: RunFolder, problem: Problem, limits: Limits) -> Exception:
    match problem.kind:
        case "refused" if problem.message.isupper():
            return RefusedError(
                f"a question may not hold a statement of the kind {problem.message}; "
                "ask with select, describe, show, explain, set variable or a temporary table"
            )
        case "refused":
            return RefusedError(f"{problem.message}; a question sees the run's own tables and nothing else")
        case "time":
            return _time_met(limits)
        case "memory":
            return _memory_met(int(problem.message or MEMORY_MB_MAX))
        case "size":
            return _size_met(limits)
        case "depth":
            return LimitMet(f"it is nested deeper than {DEPTH_MAX:,}, the limit; ask for its parts")
        case "damage":
            path = run.cache / DATABASE_NAME
            path.unlink(missing_ok=True)
            return EnvironmentProblem(f"{path}: {problem.message}; it was removed, run the command again")
    return InputError(problem.message)


def _time_met(limits: Limits) -> LimitMet:
    return LimitMet(f"the question takes longer than {limits.seconds_max} s, the limit; ask for less")


def _memory_met(limit_mb: int, why: str = "") -> LimitMet:
    return LimitMet(
        f"the question needs more memory than {limit_mb} MB, the limit{why}; ask for fewer rows or columns"
    )


def _size_met(limits: Limits) -> LimitMet:
    return LimitMet(
        f"the answer is larger than {limits.result_mb_max} MB, the limit; "
        "ask for fewer rows or columns, or use `trinity export`"
    )


def _python_path() -> str:
    inherited = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join([str(_ROOT), inherited] if inherited else [str(_ROOT)])
