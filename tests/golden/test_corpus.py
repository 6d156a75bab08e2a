"""Logs of every version of Trinity that wrote another kind of them: today's program does what they say."""

import json
from pathlib import Path

import pytest

from bus.bodies import DeliveryDeadLettered
from simulator.cli import main
from store.log_reader import read_events, schema_version_of
from store.verify import verify
from tests.golden import renew
from tests.golden.renew import CORPUS, keep

RUNS = sorted(path.name for path in CORPUS.iterdir())


def test_the_whole_corpus_replays(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--corpus", str(CORPUS), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [Path(run["run"]).name for run in result["runs"]] == RUNS
    assert all(run["verified"]["delivery_count"] > 0 for run in result["runs"])


def test_the_corpus_has_logs_of_the_first_schema_with_both_kinds_of_dead_letter() -> None:
    first = [name for name in RUNS if schema_version_of(CORPUS / name / "events") == 1]
    segments = [path for name in first for path in CORPUS.glob(f"{name}/events/*.jsonl")]
    lines = [line for path in segments for line in path.read_text().splitlines()]
    receipts = [json.loads(line) for line in lines if '"type":"delivery.dead_lettered"' in line]
    assert {receipt["data"]["attempt"] == 0 for receipt in receipts} == {True, False}
    assert not any("cause" in receipt["data"] for receipt in receipts)


@pytest.mark.parametrize("name", RUNS)
def test_a_kept_log_is_as_it_was_written(name: str) -> None:
    checked = verify(CORPUS / name / "events")
    assert checked.sound
    assert checked.closed


@pytest.mark.parametrize("name", RUNS)
def test_a_kept_run_is_its_log_and_its_scenario_and_nothing_else(name: str) -> None:
    assert {path.name for path in (CORPUS / name).iterdir()} == {"events", "scenario.toml"}


def test_a_reader_that_begins_in_the_middle_reads_the_same() -> None:
    folder = CORPUS / "v1-dead-letters" / "events"
    events = list(read_events(folder))
    causes = {e.data.cause for e in events if isinstance(e.data, DeliveryDeadLettered)}
    assert causes == {"attempts_max"}
    for from_seq in (2, len(events) // 2, len(events)):
        assert list(read_events(folder, from_seq)) == events[from_seq - 1 :]


def test_a_run_of_today_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scenario.toml").write_text('extends = "soak"\nduration = "30m"\n')
    monkeypatch.setattr(renew, "CORPUS", tmp_path / "corpus")
    kept = keep("new", str(tmp_path))
    assert sorted(path.name for path in kept.iterdir()) == ["events", "scenario.toml"]
    assert main(["replay", str(kept), "--verify"]) == 0
    assert main(["replay", str(kept), "--simulate"]) == 0


def test_a_kept_run_is_never_written_again() -> None:
    with pytest.raises(SystemExit, match="never written again"):
        keep(RUNS[0], "soak")
