"""Every command does what its help says, for people and for programs."""

import csv
import json
from pathlib import Path

import pytest

from analysis.catalog import named_queries
from store.verify import verify
from tests.cli.conftest import Trinity, tree, trinity_process

COMMANDS = (
    "run",
    "resume",
    "recover",
    "scenarios",
    "info",
    "replay",
    "sql",
    "report",
    "check",
    "verify",
    "what-if",
    "experiment",
    "export",
    "doctor",
)
SHORT = ("run", "soak", "--transport", "inproc", "--duration", "2h", "--json")
FIELDS = {"run", "scenario", "seed", "digest", "events", "status", "verdict"}


def started(run: Path) -> dict[str, object]:
    first = (run / "events" / "00000000000000000001.jsonl").read_text().splitlines()[0]
    data: dict[str, object] = json.loads(first)["data"]
    return data


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_teaches_with_an_example(command: str, trinity: Trinity) -> None:
    said = trinity(command, "--help")
    assert said.code == 0
    assert "Example" in said.out
    assert f"trinity {command}" in said.out.split("Example", 1)[1]
    assert trinity(command, "-h").out == said.out


def test_help_lists_every_command(trinity: Trinity) -> None:
    said = trinity("--help")
    assert said.code == 0
    assert all(f" {command} " in said.out for command in COMMANDS)


def test_without_a_command_the_help_is_shown(home: Path) -> None:
    said = trinity_process(home)
    assert "scenarios" in said.out + said.err
    assert "Traceback" not in said.err


def test_run_makes_a_run_that_verifies_and_says_what_it_is(home: Path, trinity: Trinity) -> None:
    said = trinity(*SHORT, "--seed", "7")
    summary = json.loads(said.out)
    run = home / "runs" / "soak-seed7"
    assert set(summary) >= FIELDS
    assert (summary["run"], summary["scenario"], summary["seed"]) == ("runs/soak-seed7", "soak", 7)
    verification = verify(run / "events")
    assert verification.sound
    assert verification.closed
    assert (summary["digest"], summary["events"]) == (verification.digest, verification.event_count)
    assert summary["status"] == "completed"
    assert said.code == {"passed": 0, "failed": 1}[summary["verdict"]]
    assert said.err == ""


def test_the_same_run_again_gets_another_folder_and_the_same_digest(home: Path, trinity: Trinity) -> None:
    first, second = (json.loads(trinity(*SHORT).out) for _ in range(2))
    assert [one["run"] for one in (first, second)] == ["runs/soak-seed1", "runs/soak-seed1.2"]
    assert first["digest"] == second["digest"]
    assert json.loads(trinity("info", "latest", "--json").out)["run"] == "runs/soak-seed1.2"


def test_a_run_repeats_from_its_own_folder(home: Path, trinity: Trinity) -> None:
    first = json.loads(trinity(*SHORT, "--seed", "3", "--budget", "1.5", "--out", "first").out)
    again = json.loads(trinity("run", "first", "--transport", "inproc", "--json", "--out", "again").out)
    assert again["digest"] == first["digest"]


def test_a_run_for_people_names_seed_options_verdict_and_what_to_do_next(
    home: Path, trinity: Trinity
) -> None:
    said = trinity(*SHORT[:-1], "--out", "mine")
    for text in (
        "seed",
        "2h",
        "$10.00",
        "inproc",
        "criteria",
        "digest",
        "mine/report.md",
        "trinity sql mine @",
    ):
        assert text in said.out
    assert "\x1b" not in said.out
    report = (home / "mine" / "report.md").read_text()
    assert report.startswith("# Trinity run report: soak, seed 1")


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("TRINITY_TEST_DURATION", "1", "duration_ns", 3_600 * 10**9),
        ("TRINITY_TEST_BUDGET", "2.5", "budget_nanousd", 2_500_000_000),
        ("TRINITY_EVENT_INTERVAL", "10", "event_interval_ns", 600 * 10**9),
        ("TRINITY_SNAPSHOT_INTERVAL", "20", "snapshot_interval_ns", 1_200 * 10**9),
        ("TRINITY_METRICS_INTERVAL", "1", "metrics_interval_ns", 60 * 10**9),
    ],
)
def test_settings_of_the_environment_hold_where_no_option_is_given(
    variable: str,
    value: str,
    field: str,
    expected: int,
    home: Path,
    trinity: Trinity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRINITY_TEST_DURATION", "1")
    monkeypatch.setenv(variable, value)
    trinity("run", "--transport", "inproc", "--json")
    assert started(home / "runs" / "soak-seed1")[field] == expected


def test_an_option_wins_over_the_environment(
    home: Path, trinity: Trinity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRINITY_TEST_DURATION", "9")
    trinity(*SHORT)
    assert started(home / "runs" / "soak-seed1")["duration_ns"] == 7_200 * 10**9


def test_records_of_a_file_are_all_on_the_log(home: Path, trinity: Trinity) -> None:
    lines = [
        {"event": {"message": f"Build {n} failed", "host": "a"}, "label": "none", "other": 1}
        for n in range(30)
    ]
    (home / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = trinity("run", "soak", "--transport", "inproc", "--events", "events.jsonl", "--json")
    assert said.code in (0, 1)
    counts = trinity("sql", "latest", "select type, count(*) as n from events group by all", "--json")
    assert {row["type"]: row["n"] for row in json.loads(counts.out)}["telemetry.received"] == 30


def test_three_thousand_records_of_one_moment_are_all_handled(home: Path, trinity: Trinity) -> None:
    line = json.dumps({"event": {"message": "m"}, "ts": "2026-01-01T00:00:00Z"}) + "\n"
    (home / "events.jsonl").write_text(line * 3_000)
    # In a process of its own, because what this test guards against is a run without end.
    said = trinity_process(home, *SHORT, "--events", "events.jsonl")
    assert json.loads(said.out)["status"] == "completed"
    rows = json.loads(trinity("sql", "latest", "select count(*) as n from deliveries", "--json").out)
    assert rows[0]["n"] >= 3_000


def test_info_as_json_is_what_run_said(in_soaked: Path, trinity: Trinity) -> None:
    info = json.loads(trinity("info", "latest", "--json").out)
    assert set(info) >= FIELDS
    assert info["verdict"] == "passed"
    assert len(info["checks"]) == 11
    assert info == json.loads(trinity("info", str(in_soaked), "--json").out) | {"run": info["run"]}
    assert info["digest"] in trinity("info", "soak-seed1").out


def test_scenarios_are_listed(trinity: Trinity) -> None:
    assert [one["name"] for one in json.loads(trinity("scenarios", "--json").out)] == [
        "busy",
        "chaos",
        "learning",
        "soak",
    ]
    assert "24 hours" in trinity("scenarios").out


def test_replay_folds_the_log_and_shows_the_four_answers(in_soaked: Path, trinity: Trinity) -> None:
    answers = json.loads(trinity("replay", "latest", "--json").out)
    assert set(answers) == {
        "run",
        "folded",
        "detection_accuracy",
        "detection_latency",
        "learning_trend",
        "budget_status",
    }
    info = json.loads(trinity("info", "latest", "--json").out)
    folded = answers["folded"]
    assert folded["event_count"] == info["events"]
    assert (folded["pending_count"], folded["dead_letter_count"]) == (0, 0)
    counts = trinity(
        "sql", "latest", "select count(*) as n, sum(cost_nanousd) as cost from model_calls", "--json"
    )
    assert [folded["model_call_count"], folded["spent_nanousd"]] == list(json.loads(counts.out)[0].values())
    people = trinity("replay", "latest")
    assert people.code == 0
    assert "every line's CRC checked" in people.out


def test_check_and_report_judge_again(in_soaked: Path, trinity: Trinity) -> None:
    check = trinity("check", "latest", "--json")
    assert check.code == 0
    assert [one["passed"] for one in json.loads(check.out)["checks"]] == [True] * 11
    told = trinity("check", "latest").out
    assert told.count("✓") == 12  # one line for all invariants
    assert "invariants hold" in told
    report = json.loads(trinity("report", "latest", "--json").out)
    assert report["passed"] is True
    assert Path(report["report"]).is_file()


def test_a_run_that_misses_a_criterion_exits_with_1_and_names_it(home: Path, trinity: Trinity) -> None:
    said = trinity("run", "soak", "--transport", "inproc", "--budget", "0.01", "--duration", "30m")
    assert said.code == 1
    assert "FAILED" in said.out
    assert "✗" in said.out
    assert trinity("check", "latest").code == 1


def test_verify_says_what_it_looked_at(in_soaked: Path, trinity: Trinity) -> None:
    found = json.loads(trinity("verify", "latest", "--json").out)
    assert found["sound"] is True
    assert found["events"]["closed"] is True
    assert found["events"]["digest"] == json.loads(trinity("info", "latest", "--json").out)["digest"]
    assert trinity("verify", "latest").out.count("sound") == 2


def test_sql_lists_every_named_query(trinity: Trinity) -> None:
    names = {query.name for query in named_queries()}
    said = trinity("sql", "--list")
    assert all(f"@{name}" in said.out for name in names)
    assert {one["name"] for one in json.loads(trinity("sql", "--list", "--json").out)} == names
    assert len(names) >= 15


@pytest.mark.parametrize("query", [query.name for query in named_queries()])
def test_every_named_query_runs_on_a_soak(query: str, in_soaked: Path, trinity: Trinity) -> None:
    more = ("--chain", "5") if query == "chain" else ()
    said = trinity("sql", "latest", f"@{query}", *more)
    assert (said.code, said.err) == (0, "")
    rows = json.loads(trinity("sql", "latest", f"@{query}", *more, "--json").out)
    assert isinstance(rows, list)


def test_sql_answers_a_question_of_ones_own(in_soaked: Path, trinity: Trinity) -> None:
    question = "select type, count(*) as n from events where type like 'run.%' group by all order by 1"
    assert json.loads(trinity("sql", "latest", question, "--json").out) == [
        {"type": "run.finished", "n": 1},
        {"type": "run.started", "n": 1},
    ]
    assert "no rows" in trinity("sql", "latest", "select 1 where false").out


def test_sql_does_not_change_the_run(in_soaked: Path, trinity: Trinity) -> None:
    before = tree(in_soaked / "events")
    trinity("sql", "latest", "select count(*) from events")
    assert tree(in_soaked / "events") == before


@pytest.mark.parametrize("output_format", ["csv", "parquet", "jsonl"])
def test_export_writes_every_event(
    output_format: str, in_soaked: Path, tmp_path: Path, trinity: Trinity
) -> None:
    out = tmp_path / f"events.{output_format}"
    found = json.loads(
        trinity("export", "latest", "--format", output_format, "--out", str(out), "--json").out
    )
    events = json.loads(trinity("info", "latest", "--json").out)["events"]
    assert found["rows"] == events
    if output_format == "csv":
        with out.open(newline="") as file:
            assert len(list(csv.reader(file))) == events + 1
    elif output_format == "jsonl":
        assert len(out.read_text().splitlines()) == events
    again = trinity("export", "latest", "--format", output_format, "--out", str(out))
    again.refused(out.name)


def test_export_writes_the_answer_of_a_query(in_soaked: Path, tmp_path: Path, trinity: Trinity) -> None:
    out = tmp_path / "confusion.csv"
    assert trinity("export", "latest", "--query", "@confusion", "--out", str(out)).code == 0
    assert out.read_text().count("\n") > 1


def test_doctor_finds_a_machine_that_runs_the_tests_fit(home: Path, trinity: Trinity) -> None:
    found = json.loads(trinity("doctor", "--json").out)
    ill = [one["what"] for one in found["findings"] if not one["healthy"]]
    assert ill in ([], ["libraries"])  # in a clone that is not installed, Trinity's own version is missing
    assert tree(home) == {}
