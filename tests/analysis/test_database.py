import subprocess
import sys
from pathlib import Path

import pytest

from analysis import cache, database
from analysis.cache import DATABASE_NAME
from analysis.database import Database, open_database
from bus.errors import DamageError, EnvironmentProblem, InputError, TrinityError
from store.run_folder import RunFolder
from tests.analysis.synthetic import Options, Synthetic


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return Synthetic(Options(event_count=2)).write(tmp_path / "run")


def count(run: RunFolder) -> object:
    with open_database(run) as opened:
        return opened.query("select count(*) from events").rows[0][0]


def cache_identity(run: RunFolder) -> tuple[int, int]:
    status = (run.cache / DATABASE_NAME).stat()
    return status.st_ino, status.st_mtime_ns


def test_all_events_and_observations_are_loaded(tmp_path: Path) -> None:
    log = Synthetic(Options(event_count=2))
    with open_database(log.write(tmp_path / "run")) as opened:
        assert opened.query("select count(*), max(seq) from events").rows == [(len(log.events),) * 2]
        assert opened.query("select count(*) from observations").rows == [(len(log.observations),)]


def test_the_cache_is_used_again_as_long_as_the_log_is_the_same(run: RunFolder) -> None:
    first = count(run)
    identity = cache_identity(run)
    assert count(run) == first
    assert cache_identity(run) == identity


def test_a_log_that_grew_is_loaded_again(tmp_path: Path) -> None:
    log = Synthetic(Options(event_count=2))
    events = log.events
    log.events = events[:10]
    path = tmp_path / "run"
    run = log.write(path)
    assert count(run) == 10
    log.events = events
    other = log.write(tmp_path / "other")
    for file in run.events.iterdir():
        file.unlink()
    for file in other.events.iterdir():
        (run.events / file.name).write_bytes(file.read_bytes())
    assert count(run) == len(events)


def test_a_sealed_log_that_says_something_else_is_refused(run: RunFolder) -> None:
    count(run)
    segment = next(run.events.glob("*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b"payments", b"invoices"))
    with pytest.raises(DamageError, match="SHA-256"):
        count(run)


def test_another_text_of_the_views_makes_another_cache(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    count(run)
    identity = cache_identity(run)
    monkeypatch.setattr(cache, "schema_sha256", lambda: "00" * 32)
    count(run)
    assert cache_identity(run) != identity


@pytest.mark.parametrize("damage", [b"", b"no database", None], ids=["empty", "foreign", "cut"])
def test_a_damaged_cache_is_built_again(run: RunFolder, damage: bytes | None) -> None:
    right = count(run)
    path = run.cache / DATABASE_NAME
    path.write_bytes(path.read_bytes()[:20_000] if damage is None else damage)
    assert count(run) == right


def test_damage_that_only_a_question_meets_removes_the_cache(run: RunFolder) -> None:
    right = count(run)
    path = run.cache / DATABASE_NAME
    content = path.read_bytes()
    assert b"payments" in content
    path.write_bytes(content.replace(b"payments", b"invoices"))
    with open_database(run) as opened, pytest.raises(EnvironmentProblem, match="run the command again"):
        opened.query("select sum(length(data)), sum(seq), max(source) from events")
    assert not path.exists()
    assert count(run) == right


def test_a_cache_that_may_not_be_written_is_a_problem_of_the_environment(run: RunFolder) -> None:
    run.cache.rmdir()
    run.cache.write_text("a file in the way")
    with pytest.raises(EnvironmentProblem, match="cache"):
        count(run)


def test_building_leaves_nothing_but_the_database(run: RunFolder) -> None:
    count(run)
    assert [path.name for path in run.cache.iterdir()] == [DATABASE_NAME]


def test_a_log_that_is_not_closed_is_answered_from_its_whole_commits(tmp_path: Path) -> None:
    log = Synthetic(Options(event_count=2))
    run = log.write(tmp_path / "run", close=False)
    with next(run.events.glob("*.jsonl")).open("ab") as file:
        file.write(b'{"seq":')
    assert count(run) == len(log.events)
    identity = cache_identity(run)
    assert count(run) == len(log.events)
    assert cache_identity(run) == identity


def test_a_run_without_observations_can_be_asked(run: RunFolder) -> None:
    for file in run.observations.iterdir():
        file.unlink()
    run.observations.rmdir()
    with open_database(run) as opened:
        assert opened.query("select count(*) from observations").rows == [(0,)]


def test_lines_that_are_not_events_are_damage(run: RunFolder) -> None:
    segment = next(run.events.glob("*.jsonl"))
    content = segment.read_bytes()
    segment.write_bytes(content[:200] + b"\n" + content[201:])
    with pytest.raises(DamageError) as caught:
        count(run)
    assert "\n" not in str(caught.value)
    assert not (run.cache / DATABASE_NAME).exists()


def test_a_log_that_needs_more_memory_gets_it_once(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "BUILD_MEMORY_MB", (1, 160))
    assert count(run) != 0


def test_a_log_too_large_for_the_memory_is_no_damage(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "BUILD_MEMORY_MB", (1, 2))
    with pytest.raises(EnvironmentProblem, match="2 MB"):
        count(run)
    assert list(run.cache.iterdir()) == []


LEAK = [("a Python variable",)]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('/etc/hostname')",
        "select * from read_csv('{run}/events/*.jsonl')",
        "select * from '{run}/report.md'",
        "select * from glob('*')",
        "copy events to '{run}/stolen.csv'",
        "copy (select 1) to '/dev/stdout'",
        "attach '{run}/new.duckdb' as other",
        "export database '{run}/all'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "set threads = 8",
        "set memory_limit = '8GB'",
        "set temp_directory = '/tmp'",
        "reset lock_configuration",
        "pragma memory_limit = '8GB'",
        "select * from LEAK",
        "create secret s (type s3, key_id 'k')",
        "select getenv('HOME')",
        "delete from events",
        "drop view run",
        "create table mine as select 1",
        "insert into events select * from events",
    ],
)
def test_sql_can_neither_leave_the_database_nor_change_it(run: RunFolder, sql: str) -> None:
    before = sorted(path for path in run.path.rglob("*") if path.parent.name != "cache")
    with open_database(run) as opened, pytest.raises(TrinityError) as caught:
        opened.query(sql.replace("{run}", str(run.path)))
    assert "\n" not in str(caught.value)
    assert sorted(path for path in run.path.rglob("*") if path.parent.name != "cache") == before
    assert count(run) != 0


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("selct 1", "selct"),
        ("select nosuch from events", "nosuch"),
        ("select * from nosuch", "nosuch"),
        ("select seq from evnts", "events"),
        ("select nosuch(seq) from events", "nosuch"),
        ("select cast('x' as integer)", "x"),
        ("select (", "syntax"),
        ("select '\x1b[31m'::integer", "31m"),
        ("select source + 1 from events", "VARCHAR"),
        ("select ('x' || seq)::integer from events", "x1"),
        ("select '\ud800'", "UTF-8"),
    ],
)
def test_wrong_sql_gets_one_line_that_says_where(good: Database, sql: str, text: str) -> None:
    with pytest.raises(InputError) as caught:
        good.query(sql)
    message = str(caught.value)
    assert text in message
    assert message.isprintable()
    assert len(message) <= 400


def test_a_missing_column_is_named_with_what_there_is(good: Database) -> None:
    with pytest.raises(InputError, match=r"tipe.*type"):
        good.query("select tipe from events")


def test_the_last_statement_of_several_gives_the_result(good: Database) -> None:
    assert good.query("select 1; select 2 as two").records() == [{"two": 2}]


@pytest.mark.parametrize("sql", ["", "  ", "-- nothing"])
def test_no_statement_gives_no_rows(good: Database, sql: str) -> None:
    assert good.query(sql).rows == []


def test_a_result_holds_a_bounded_number_of_rows(good: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "ROWS_MAX", 5)
    result = good.query("select seq from events order by seq")
    assert (len(result.rows), result.is_truncated) == (5, True)
    assert not good.query("select seq from events order by seq limit 5").is_truncated


def test_a_stream_gives_all_rows_in_order(good: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "FETCH_ROWS", 7)
    seqs = [row[0] for row in good.stream("select seq from events order by seq").rows]
    assert seqs == list(range(1, len(seqs) + 1))


def test_holding_changes_no_answer(good_run: RunFolder) -> None:
    with open_database(good_run) as fresh, open_database(good_run) as held:
        held.hold()
        held.hold()
        for name in ("alerts", "incidents", "incident_counts", "alert_counts"):
            assert held.named(name) == fresh.named(name)


def test_an_unknown_variable_is_refused_with_those_there_are(good: Database) -> None:
    with pytest.raises(InputError, match="correlation_seq"):
        good.set_variable("segments", "x")


def test_importing_the_package_alone_does_not_import_duckdb() -> None:
    code = "import sys, analysis, analysis.catalog; sys.exit('duckdb' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
