"""``trinity replay``: what people and programs see of a proof, and the exit code."""

import json
from pathlib import Path

import pytest

from simulator.cli import main
from simulator.exit_codes import ExitCode
from store.run_folder import RunFolder
from tests.simulator.builders import record, scenario
from tests.simulator.replay_logs import CORPUS, DEAD_LETTERS, SOAK, copy_of, seq_of

Captured = pytest.CaptureFixture[str]
NEW_BACKOFF = {'backoff = "1s"': 'backoff = "2s"'}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    of = scenario(duration="1h", event_interval="20m")
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "run")
    record(of, folder.path)
    folder.scenario.write_text(of.to_toml())
    return str(folder.path)


def test_a_verified_run_is_told_with_what_was_compared(run: str, capsys: Captured) -> None:
    assert main(["replay", run, "--verify"]) == ExitCode.OK
    shown = capsys.readouterr()
    assert "Every decision came out as recorded" in shown.out
    assert "handled again" in shown.out
    assert shown.err == ""
    assert main(["replay", run, "--verify", "--json"]) == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert told["diverged"] is False
    assert told["compared"]["delivery_count"] > 0


def test_a_simulated_run_is_told_with_its_digest(run: str, capsys: Captured) -> None:
    assert main(["replay", run, "--simulate"]) == ExitCode.OK
    digest = json.loads((Path(run) / "events" / "manifest.json").read_bytes())["digest"]
    assert f"{digest}; the same as that of the log" in capsys.readouterr().out
    assert main(["replay", run, "--simulate", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["compared"]["digest"] == digest


def test_a_divergence_is_shown_with_both_sides_and_its_chain(tmp_path: Path, capsys: Captured) -> None:
    run = copy_of(DEAD_LETTERS, tmp_path, NEW_BACKOFF)
    assert main(["replay", str(run.path), "--verify"]) == ExitCode.DIVERGED
    shown = capsys.readouterr()
    for part in ("data.started_ns", "recorded", "replayed", "workload-", "What led to it"):
        assert part in shown.out
    chain = shown.out.partition("What led to it")[2].strip().splitlines()
    assert [line.split()[1] for line in chain][:2] == ["telemetry.received", "pattern.detected"]
    assert shown.err.count("\n") == 1
    assert "data.started_ns is" in shown.err


def test_a_divergence_is_one_json_object_for_programs(tmp_path: Path, capsys: Captured) -> None:
    run = copy_of(DEAD_LETTERS, tmp_path, NEW_BACKOFF)
    assert main(["replay", str(run.path), "--verify", "--json"]) == ExitCode.DIVERGED
    told = json.loads(capsys.readouterr().out)
    assert told["diverged"] is True
    found = told["divergence"]
    assert found["field"] == "data.started_ns"
    assert found["key"].startswith("workload-")
    assert found["chain"][-1]["seq"] == found["seq"]


def test_what_an_event_contains_cannot_steer_a_terminal(tmp_path: Path, capsys: Captured) -> None:
    run = copy_of(SOAK, tmp_path, {'name = "gpt-5"': 'name = "\\u001b[31mred"'})
    assert main(["replay", str(run.path), "--verify"]) == ExitCode.DIVERGED
    shown = capsys.readouterr()
    assert "\x1b[31m" not in shown.out + shown.err
    assert "request_model" in shown.out


def test_a_damaged_log_is_told_apart_from_a_divergence(tmp_path: Path, capsys: Captured) -> None:
    run = copy_of(SOAK, tmp_path)
    segment = next(run.events.glob("*.jsonl"))
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    assert main(["replay", str(run.path), "--verify"]) == ExitCode.DAMAGED
    assert capsys.readouterr().err.count("\n") == 1


def test_a_corpus_is_one_line_each_and_its_worst_run_decides(tmp_path: Path, capsys: Captured) -> None:
    copy_of(SOAK, tmp_path)
    copy_of(DEAD_LETTERS, tmp_path, NEW_BACKOFF)
    assert main(["replay", "--corpus", str(tmp_path)]) == ExitCode.DIVERGED
    shown = capsys.readouterr()
    assert [line[0] for line in shown.out.splitlines()] == ["✗", "✓"]
    assert "1 of 2 runs" in shown.err
    assert main(["replay", "--corpus", str(CORPUS)]) == ExitCode.OK
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [str(CORPUS / SOAK), "--verify", "--simulate"],
        [str(CORPUS / SOAK), "--corpus", str(CORPUS)],
        ["--corpus", str(CORPUS), "--verify"],
        ["--corpus", "/no/such/folder"],
        ["--corpus", str(CORPUS / SOAK / "events")],
        [str(CORPUS / SOAK), "--simulate"],
    ],
)
def test_what_cannot_be_replayed_is_bad_input_in_one_line(arguments: list[str], capsys: Captured) -> None:
    assert main(["replay", *arguments]) == ExitCode.BAD_INPUT
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1


def test_without_options_the_log_is_folded_an_old_one_too(tmp_path: Path, capsys: Captured) -> None:
    run = copy_of(DEAD_LETTERS, tmp_path)
    assert main(["replay", str(run.path)]) == ExitCode.OK
    assert "6 dead letters" in capsys.readouterr().out


def test_sql_gives_dead_letters_of_an_old_log_their_cause(tmp_path: Path, capsys: Captured) -> None:
    run = copy_of(DEAD_LETTERS, tmp_path)
    question = "select distinct cause from deliveries where outcome = 'dead_lettered'"
    assert main(["sql", str(run.path), question, "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out) == [{"cause": "attempts_max"}]
    assert seq_of(run, "delivery.dead_lettered", "executor") > 0
