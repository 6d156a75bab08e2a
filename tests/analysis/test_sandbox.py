"""SQL that a person wrote: the same answers as in this process, and nothing else."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

from analysis import sandbox, sandbox_wire
from analysis.cache import DATABASE_NAME
from analysis.database import Database, open_database
from analysis.sandbox import LimitMet, Limits, ask
from bus.errors import DamageError, EnvironmentProblem, InputError, RefusedError
from store.run_folder import RunFolder
from tests.analysis.synthetic import Options, Synthetic

ROOT = Path(__file__).parents[2]
EVERY_TYPE = """
select 1::tinyint, (-9223372036854775808)::bigint, 18446744073709551615::ubigint, 3::hugeint,
    170141183460469231731687303715884105727::hugeint, 1.5::double, 0.1::float, 'infinity'::double, true, null,
    'tëxt', chr(0) || 'a', '\\xAA\\x00'::blob, 12.340::decimal(10, 3), date '2026-11-21',
    time '01:02:03.000004', timetz '01:02:03+02', timestamp '2026-11-21 01:02:03.5',
    'infinity'::timestamp, date '290000-01-01',
    interval '1 day 3 hours', [1, null, 3], [date '2026-11-21'], {'a': 1, 'b': [1.5::decimal(3, 1)]},
    map {'k': timestamp '2026-11-21'}, map {[1, 2]: 'x'}, [1, 2]::integer[2], (1, 'two'),
    uuid '12345678-1234-1234-1234-123456789abc', 'a'::enum('a', 'b'), '101'::bit, union_value(n := 2),
    [170141183460469231731687303715884105727::hugeint], '{"a": 1}'::json, []
"""


ENDLESS = (
    "select count(*) from range(10000000) a, range(10000000) b, range(9) c where a.range + b.range = c.range"
)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that every test of this file may ask, but not change."""
    return Synthetic(Options(event_count=2)).write(tmp_path_factory.mktemp("runs") / "asked")


@pytest.mark.parametrize(
    "sql",
    [
        EVERY_TYPE,
        "select * from events order by seq",
        "select unnest(['1.5', 'nan', null]::double[]) as x",
        "show tables",
        "describe events",
        "select 1; select 2 as two",
        "set variable x = 7; select getvariable('x') as x",
        "create temp table t as select range as n from range(10); select sum(n) from t",
        "prepare p as select $1 + 1 as n; execute p(4)",
        "with recursive t(n) as (select 1 union all select n + 1 from t where n < 5) from t order by n",
        "pivot (select type, source from events) on source using count(*) order by type",
        "",
        "-- nothing",
        "select 1 where false",
    ],
)
def test_an_answer_is_the_one_that_this_process_would_give(asked: RunFolder, sql: str) -> None:
    with open_database(asked) as database:
        expected = database.query(sql)
    answer = ask(asked, sql)
    assert repr(answer) == repr(expected)
    assert [type(row) for row in answer.rows] == [tuple] * len(expected.rows)


def test_every_value_keeps_its_type(good: Database) -> None:
    row = good.query(EVERY_TYPE).rows[0]
    packed = sandbox_wire.Packer([""] * len(row)).rows([row])
    frame = sandbox_wire.encode_frame(sandbox_wire.FrameKind.ROWS, packed)
    assert sandbox_wire.decode_head(frame).size_bytes == len(frame) - sandbox_wire.HEAD_BYTES
    assert repr(sandbox_wire.decode_rows(frame[sandbox_wire.HEAD_BYTES :])) == repr([row])


def test_an_explained_question_is_answered(asked: RunFolder) -> None:
    for sql in ("explain select 1", "explain analyze select 1", "EXPLAIN (analyze, format json)\nselect 1"):
        assert len(ask(asked, sql).rows) == 1


@pytest.mark.parametrize(
    "sql", ["selct 1", "select nosuch from events", "select cast('x' as integer)", "select ("]
)
def test_wrong_sql_is_told_as_in_this_process(asked: RunFolder, sql: str) -> None:
    with open_database(asked) as database, pytest.raises(InputError) as expected:
        database.query(sql)
    with pytest.raises(InputError) as caught:
        ask(asked, sql)
    assert str(caught.value) == str(expected.value)


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('/etc/hostname')",
        "from '/etc/passwd'",
        "copy (select 1) to '{cache}/events.duckdb.wal'",
        "select 1; attach ':memory:' as other",
        "explain analyze copy (select 1) to '{cache}/x'",
        "set threads = 8",
        "pragma version",
        "delete from events",
        "load httpfs",
    ],
)
def test_what_is_not_a_question_is_refused(asked: RunFolder, sql: str) -> None:
    with pytest.raises(RefusedError) as caught:
        ask(asked, sql.replace("{cache}", str(asked.cache)))
    assert str(caught.value).isprintable()
    assert [path.name for path in asked.cache.iterdir()] == [DATABASE_NAME]


def test_the_kernel_keeps_the_process_from_files_even_if_duckdb_would_not(tmp_path: Path) -> None:
    """On a Linux with Landlock; elsewhere the other fences stand alone."""
    code = """
import pathlib, sys
from analysis.sandbox_limits import confine_files
folder = pathlib.Path(sys.argv[1])
if confine_files(folder / "database", folder / "spill"):
    (folder / "database").read_text()
    (folder / "spill" / "made").write_text("x")
    (folder / "spill" / "made").unlink()
    for forbidden in (folder / "secret", pathlib.Path("/etc/passwd")):
        try:
            forbidden.read_text()
            sys.exit(f"read {forbidden}")
        except PermissionError:
            pass
    for forbidden in ("database", "made"):
        try:
            (folder / forbidden).write_text("x")
            sys.exit(f"wrote {forbidden}")
        except PermissionError:
            pass
"""
    (tmp_path / "spill").mkdir()
    for name in ("database", "secret"):
        (tmp_path / name).write_text(name)
    command = [sys.executable, "-P", "-c", code, str(tmp_path)]
    subprocess.run(command, check=True, env={"PYTHONPATH": str(ROOT)}, timeout=30)
    assert (tmp_path / "database").read_text() == "database"


@pytest.mark.parametrize(
    "sql",
    [
        "select repeat('x', 3000000000)",
        "select len(range(200000000))",
        "select repeat('x', 100000000) from range(20)",
    ],
)
def test_memory_ends_at_the_limit_which_is_named(asked: RunFolder, sql: str) -> None:
    with pytest.raises(LimitMet, match=r"memory than (512|2048) MB, the limit"):
        ask(asked, sql)


@pytest.mark.parametrize(
    "sql",
    [
        ENDLESS,
        "with recursive t(n) as (select 1 union all select n + 1 from t) select count(*) from t",
    ],
)
def test_time_ends_at_the_limit_which_is_named(asked: RunFolder, sql: str) -> None:
    started = time.monotonic()
    with pytest.raises(LimitMet, match="longer than 1 s"):
        ask(asked, sql, limits=Limits(seconds_max=1))
    assert time.monotonic() - started < 5


def test_the_size_of_an_answer_ends_at_the_limit_which_is_named(asked: RunFolder) -> None:
    for sql in ("select repeat('x', 1000000) from range(5)", "select range(10) from range(10000)"):
        with pytest.raises(LimitMet, match="larger than 2 MB"):
            ask(asked, sql, limits=Limits(result_mb_max=2))


def test_the_rows_of_an_answer_are_bounded_and_it_says_so(asked: RunFolder) -> None:
    answer = ask(asked, "select range as n from range(5000) order by n", limits=Limits(row_count_max=1500))
    assert [row[0] for row in answer.rows] == list(range(1500))
    assert answer.is_truncated
    assert not ask(asked, "from range(1500)", limits=Limits(row_count_max=1500)).is_truncated


def test_sql_of_any_length_is_bounded(asked: RunFolder) -> None:
    with pytest.raises(LimitMet, match="characters"):
        ask(asked, "select 1" + " " * sandbox.SQL_CHARACTERS_MAX)
    with pytest.raises(InputError, match="UTF-8"):
        ask(asked, "select '\ud800'")


def test_a_variable_of_the_named_queries_is_set(asked: RunFolder) -> None:
    sql = "select getvariable('correlation_seq') as n"
    assert ask(asked, sql, {"correlation_seq": 3}).rows == [(3,)]
    with pytest.raises(InputError, match="correlation_seq"):
        ask(asked, sql, {"segments": "x"})


def test_asking_leaves_nothing_but_the_database(asked: RunFolder) -> None:
    ask(asked, "select 1")
    assert [path.name for path in asked.cache.iterdir()] == [DATABASE_NAME]


def test_the_process_knows_no_secret_of_the_environment(
    asked: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRINITY_API_KEY", "canary-in-the-environment")
    seen: dict[str, Any] = {}

    def start(command: list[str], **options: Any) -> subprocess.Popen:
        seen.update(options)
        return real(command, **options)

    real = subprocess.Popen
    monkeypatch.setattr("analysis.sandbox.subprocess.Popen", start)
    ask(asked, "select 1")
    assert set(seen["env"]) <= {*sandbox.INHERITED, "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
    assert "canary" not in str(seen["env"])


def test_a_process_that_dies_is_told_in_one_line(asked: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.sandbox.sys.executable", "/bin/false")
    with pytest.raises(EnvironmentProblem, match="exit code 1"):
        ask(asked, "select 1")


def test_damage_that_only_a_question_meets_removes_the_cache(tmp_path: Path) -> None:
    run = Synthetic(Options(event_count=2)).write(tmp_path / "run")
    ask(run, "select 1")
    path = run.cache / DATABASE_NAME
    content = path.read_bytes()
    assert b"payments" in content
    path.write_bytes(content.replace(b"payments", b"invoices"))
    with pytest.raises(EnvironmentProblem, match="run the command again"):
        ask(run, "select sum(length(data)), sum(seq), max(source) from events")
    assert not path.exists()
    assert ask(run, "select count(*) > 0 from events").rows == [(True,)]


def test_a_damaged_log_is_damage_and_the_process_ends(tmp_path: Path) -> None:
    run = Synthetic(Options(event_count=2)).write(tmp_path / "run")
    segment = next(run.events.glob("*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b"payments", b"invoices"))
    with pytest.raises(DamageError):
        ask(run, "select 1")
    assert list(run.cache.iterdir()) == []


ASK = f"""
import pathlib, sys
from analysis.sandbox import ask
from store.run_folder import RunFolder
print("asking", flush=True)
ask(RunFolder(pathlib.Path(sys.argv[1])), {ENDLESS!r})
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_the_process_ends_with_the_one_that_asked(asked: RunFolder, sent: signal.Signals) -> None:
    command = [sys.executable, "-P", "-c", ASK, str(asked.path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"asking\n"
        child = _wait_for_child(process.pid)
        time.sleep(0.5)
        process.send_signal(sent)
        process.wait(timeout=10)
    assert _ends(child)
    leftovers = list(asked.cache.glob("ask-*"))
    assert len(leftovers) == (1 if sent is signal.SIGKILL else 0)
    for leftover in leftovers:
        rmtree(leftover)


def _wait_for_child(parent: int) -> int:
    for _ in range(200):
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.05)
    raise AssertionError("no child was started")


def _ends(pid: int) -> bool:
    for _ in range(100):
        state = _state(pid)
        if state in (None, "Z"):
            return True
        time.sleep(0.05)
    return False


def _state(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]
    except FileNotFoundError:
        return None


def test_questions_of_several_threads_are_answered_each(asked: RunFolder) -> None:
    answers: dict[int, object] = {}
    ask(asked, "select 1")  # the database is built by one

    def question(number: int) -> None:
        answers[number] = ask(asked, f"select {number} as n").rows[0][0]

    threads = [threading.Thread(target=question, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {0: 0, 1: 1, 2: 2}
