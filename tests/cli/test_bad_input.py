"""Bad input: one line on stderr with the value and the place, exit code 2, and nothing half-made."""

import shutil
import tempfile
from pathlib import Path

import pytest

from simulator.exit_codes import ExitCode
from tests.cli.conftest import Trinity, tree, trinity_process

GOOD_LINE = '{"event": {"message": "m"}}\n'
RUN = ("run", "soak", "--transport", "inproc", "--duration", "30m")


def scenario_folder(home: Path, text: str) -> str:
    folder = home / "mine"
    folder.mkdir()
    (folder / "scenario.toml").write_text('extends = "soak"\nname = "mine"\n' + text)
    return str(folder)


@pytest.mark.parametrize(
    ("args", "mentioned"),
    [
        (("run", "tsunami"), ("'tsunami'", "busy, chaos, learning, soak")),
        (("run", "no/such/folder"), ("no/such/folder",)),
        (("run", "soak", "--duration", "soon"), ("--duration", "'soon'", "24h")),
        (("run", "soak", "--duration", "0h"), ("--duration", "'0h'")),
        (("run", "soak", "--duration", "9999d"), ("--duration", "3660d")),
        (("run", "soak", "--budget", "-5"), ("--budget", "-5")),
        (("run", "soak", "--budget", "much"), ("--budget", "'much'")),
        (("run", "soak", "--event-interval", "0"), ("--event-interval",)),
        (("run", "soak", "--event-interval", "0.1ms"), ("event_interval", "1ms")),
        (("run", "soak", "--snapshot-interval", "x"), ("--snapshot-interval", "'x'")),
        (("run", "soak", "--metrics-interval", "-1"), ("--metrics-interval",)),
        (("run", "soak", "--seed", "-1"), ("--seed",)),
        (("run", "soak", "--seed", "one"), ("--seed",)),
        (("run", "soak", "--seed", "99999999999999999999"), ("seed",)),
        (("run", "soak", "--transport", "pigeon"), ("--transport", "'pigeon'", "processes, inproc")),
        (("run", "soak", "--no-such-option"), ("--no-such-option",)),
        (("run", "soak", "busy"), ("busy",)),
        (("run", "soak", "--events", "missing.jsonl"), ("missing.jsonl", "--events")),
        (("run", "soak", "--events", "."), ("--events",)),
        (("dance",), ("dance",)),
        (("info", "nothing"), ("'nothing'", "trinity run")),
        (("info", "latest"), ("'latest'",)),
        (("replay", "nothing"), ("'nothing'",)),
        (("sql", "nothing", "select 1"), ("'nothing'",)),
        (("check", "nothing"), ("'nothing'",)),
        (("report", "nothing"), ("'nothing'",)),
        (("verify", "nothing"), ("'nothing'",)),
        (("export", "nothing"), ("'nothing'",)),
        (("info",), ("'run'",)),
        (("info", "."), ("is not a run",)),
        (("verify", "a-file"), ("is not a run",)),
    ],
    ids=" ".join,
)
def test_what_cannot_be_used_is_refused_and_nothing_is_made(
    args: tuple[str, ...], mentioned: tuple[str, ...], home: Path, trinity: Trinity
) -> None:
    (home / "a-file").write_text("x")
    before = tree(home)
    trinity(*args).refused(*mentioned)
    assert tree(home) == before


@pytest.mark.parametrize(
    ("text", "mentioned"),
    [
        ("sead = 1\n", ("mine/scenario.toml", "sead")),
        ('seed = "one"\n', ("mine/scenario.toml", "seed")),
        ("[budget]\ntotal_usd = -1.0\n", ("mine/scenario.toml", "budget.total_usd")),
        ("[retry]\nattempts = 1\n", ("mine/scenario.toml", "retry", "attempts")),
        (
            '[queues.telemetry_stream]\ndelay = "soon"\n',
            ("mine/scenario.toml", "queues.telemetry_stream.delay", "'soon'"),
        ),
        ('[queues.telemetry_stream]\nconsumer = "nobody"\n', ("mine/scenario.toml", "queues")),
        ("[models.cloud]\ntoken_us = -1\n", ("mine/scenario.toml", "models.cloud.token_us")),
        ('start = "2300-01-01T00:00:00Z"\n', ("mine/scenario.toml", "start")),
        ('checks = "nothing"\n', ("nothing",)),
        ("seed = \n", ("mine/scenario.toml", "line 3")),
        ('[workload]\nevents_file = "missing.jsonl"\n', ("missing.jsonl",)),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_scenario_is_refused_with_its_file_and_key(
    text: str, mentioned: tuple[str, ...], home: Path, trinity: Trinity
) -> None:
    folder = scenario_folder(home, text)
    before = tree(home)
    trinity("run", folder, *RUN[2:]).refused(*mentioned)
    assert tree(home) == before


@pytest.mark.parametrize(
    ("content", "mentioned"),
    [
        ("", ("events.jsonl:1:", "no records")),
        ("nonsense\n", ("events.jsonl:1:",)),
        (GOOD_LINE + "{}\n", ("events.jsonl:2:", "event")),
        (GOOD_LINE * 3 + "\n" + "[1]\n", ("events.jsonl:5:",)),
        (GOOD_LINE + '{"event": {"message": "m"}, "ts": "2026-01-01"}\n', ("events.jsonl:2:", "ts")),
        ('{"event": {"message": "m"}, "ts": "2300-01-01"}\n', ("events.jsonl:1:", "ts")),
        (
            '{"event": {"message": "m", "x": "\\u001b]0;evil\\u0007"}, "label": "\\u001b[31m"}\n',
            ("events.jsonl:1:",),
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_events_file_is_refused_with_its_line(
    content: str, mentioned: tuple[str, ...], home: Path, trinity: Trinity
) -> None:
    (home / "events.jsonl").write_text(content)
    before = tree(home)
    said = trinity(*RUN, "--events", "events.jsonl")
    said.refused(*mentioned)
    assert "\x1b" not in said.err
    assert tree(home) == before


def test_an_out_that_cannot_be_made_is_refused(home: Path, trinity: Trinity) -> None:
    (home / "file").write_text("x")
    (home / "full").mkdir()
    (home / "full" / "mine.txt").write_text("keep me")
    before = tree(home)
    for out in ("file", "file/below", "full", "/proc/run", "bad name", "new/.hidden", "x" * 300):
        trinity(*RUN, "--out", out).refused()
        assert tree(home) == before


def test_an_out_that_holds_a_run_is_never_written_over(
    soaked: Path, tmp_path: Path, trinity: Trinity
) -> None:
    shutil.copytree(soaked / "runs" / "soak-seed1", tmp_path / "old")
    before = tree(tmp_path)
    trinity(*RUN, "--out", str(tmp_path / "old")).refused("old", "exists already")
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("args", "mentioned"),
    [
        (("sql", "latest", "selekt 1"), ("selekt",)),
        (("sql", "latest", "select * from nowhere"), ("nowhere",)),
        (("sql", "latest", "select 1/"), ()),
        (("sql", "latest", ""), ()),
        (("sql", "latest", "@confusoin"), ("'confusoin'", "@confusion")),
        (("sql", "latest", "@"), ()),
        (("sql", "latest"), ("no question",)),
        (("sql", "latest", "@chain", "--chain", "x"), ("--chain",)),
        (("export", "latest", "--format", "xml"), ("--format", "'xml'", "csv, ")),
        (("export", "latest", "--query", "nothing"), ("'nothing'",)),
        (("export", "latest", "--out", "no/such/x.csv"), ("no/such/x.csv",)),
        (("export", "latest", "--out", "runs"), ("runs",)),
    ],
    ids=lambda value: " ".join(value)[:50],
)
def test_a_bad_question_to_a_good_run_is_refused(
    args: tuple[str, ...], mentioned: tuple[str, ...], in_soaked: Path, trinity: Trinity
) -> None:
    before = {path for path in tree(in_soaked.parents[1]) if "/cache" not in path}
    trinity(*args).refused(*mentioned)
    assert {path for path in tree(in_soaked.parents[1]) if "/cache" not in path} == before


@pytest.mark.parametrize(
    "sql",
    [
        "drop table events",
        "copy (select 1) to 'x.csv'",
        "select * from read_text('/etc/passwd')",
        "attach 'other.duckdb'",
        "set threads = 8",
    ],
)
def test_sql_that_is_no_question_is_told_apart_from_a_mistake(
    sql: str, in_soaked: Path, trinity: Trinity
) -> None:
    said = trinity("sql", "latest", sql)
    assert (said.code, said.err.count("\n")) == (6, 1), said


@pytest.mark.parametrize(
    "question",
    [
        "drop table events",
        "copy (select 1) to 'x.csv'",
        "select * from read_text('/etc/passwd')",
        "attach 'other.duckdb'",
    ],
)
def test_a_question_that_reaches_out_is_refused_with_an_exit_code_of_its_own(
    question: str, in_soaked: Path, trinity: Trinity
) -> None:
    before = {path for path in tree(in_soaked.parents[1]) if "/cache" not in path}
    trinity("sql", "latest", question).refused(code=ExitCode.REFUSED)
    assert {path for path in tree(in_soaked.parents[1]) if "/cache" not in path} == before


def test_an_export_that_the_system_refuses_is_the_machines_fault(in_soaked: Path, trinity: Trinity) -> None:
    said = trinity("export", "latest", "--out", "/proc/x.csv")
    assert (said.code, said.err.count("\n")) == (4, 1)
    assert said.err.startswith("trinity: /proc/x.csv: cannot write the export")


def spoiled(soaked: Path, target: Path, how: str) -> None:
    shutil.copytree(soaked / "runs" / "soak-seed1", target)
    shutil.rmtree(target / "cache")
    (target / "cache").mkdir()
    segment = next((target / "events").glob("*.jsonl"))
    content = bytearray(segment.read_bytes())
    if how == "flipped at the end":
        content[-40] ^= 1
    elif how == "flipped in the middle":
        content[len(content) // 2] ^= 1
    elif how == "flipped at the start":
        content[20] ^= 1
    elif how == "cut":
        del content[-1000:]
    segment.write_bytes(content)
    if how == "segment missing":
        segment.unlink()
    elif how == "manifest broken":
        (target / "events" / "manifest.json").write_text("{")


SPOILS = (
    "flipped at the start",
    "flipped in the middle",
    "flipped at the end",
    "cut",
    "segment missing",
    "manifest broken",
)


@pytest.mark.parametrize("how", SPOILS)
@pytest.mark.parametrize("command", ["replay", "verify", "info", "sql", "check", "export"])
def test_a_damaged_log_is_refused_and_said_to_be_damaged(
    command: str, how: str, soaked: Path, home: Path, trinity: Trinity
) -> None:
    spoiled(soaked, home / "runs" / "spoiled", how)
    more = ("select count(*) from events",) if command == "sql" else ()
    trinity(command, "spoiled", *more).refused("spoiled", code=ExitCode.DAMAGED)


@pytest.mark.parametrize("missing", ["scenario.toml", "observations", "events"])
def test_a_run_with_a_part_missing_is_refused_or_answered_without_a_traceback(
    missing: str, soaked: Path, home: Path, trinity: Trinity
) -> None:
    run = home / "runs" / "part"
    shutil.copytree(soaked / "runs" / "soak-seed1", run)
    part = run / missing
    if part.is_dir():
        shutil.rmtree(part)
    else:
        part.unlink()
    for command in ("info", "replay", "check", "verify", "report"):
        said = trinity(command, "part")
        assert "Traceback" not in said.err
        if said.code not in (0, 1):
            said.refused("part", code=ExitCode.DAMAGED if said.code == ExitCode.DAMAGED else 2)


def test_errors_of_a_real_process_look_the_same(home: Path) -> None:
    trinity_process(home, "run", "tsunami").refused("'tsunami'")
    trinity_process(home, "run", TRINITY_TEST_DURATION="soon").refused("'soon'")
    assert tree(home) == {}


def test_an_unusable_temporary_folder_is_the_machines_fault_and_leaves_nothing(
    home: Path, trinity: Trinity
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "gettempdir", lambda: str(home / "gone"))
        said = trinity("run", "soak", "--duration", "30m", "--json")
    said.refused("TMPDIR", code=ExitCode.ENVIRONMENT)
    assert tree(home) == {"runs": None}
