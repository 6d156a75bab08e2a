"""A replay proves a log: the same program agrees with one that is true, and with no other."""

import shutil
from pathlib import Path

import pytest

from agents.models.mock import MockModel
from bus.errors import DamageError
from simulator.replay_compare import NOTHING, ReplayDiverged
from store.errors import LogDamage, NotARun
from tests.simulator.replay_logs import (
    DEAD_LETTERS,
    FULL_QUEUE,
    SOAK,
    Lines,
    body,
    changed,
    copy_of,
    cut_behind,
    divergence,
    kept,
    lines_of,
    number,
    seq_of,
    verified,
)

# -- the same program --


def test_a_run_is_verified_delivery_by_delivery_to_its_end() -> None:
    lines = lines_of(kept(SOAK))
    found = verified(kept(SOAK))
    assert found.is_complete
    assert found.event_count == len(lines)
    assert found.delivery_count == sum(x["type"] == "delivery.acknowledged" for x in lines)
    assert found.model_call_count == sum(x["type"] == "model.called" for x in lines)
    assert found.draft_count > found.model_call_count
    assert found.state_count == 3


def test_every_failed_attempt_and_dead_letter_is_made_again() -> None:
    lines = lines_of(kept(DEAD_LETTERS))
    receipts = [x for x in lines if str(x["type"]).startswith("delivery.")]
    found = verified(kept(DEAD_LETTERS))
    assert found.attempt_count == len(receipts)
    assert found.attempt_count > found.delivery_count


def test_what_the_sequencer_gave_up_is_no_delivery_of_an_agent() -> None:
    lines = lines_of(kept(FULL_QUEUE))
    by_sequencer = sum((x["type"], x["source"]) == ("delivery.dead_lettered", "sequencer") for x in lines)
    assert by_sequencer > 0
    assert (
        verified(kept(FULL_QUEUE)).attempt_count
        == sum(str(x["type"]).startswith("delivery.") for x in lines) - by_sequencer
    )


@pytest.mark.parametrize("name", [SOAK, DEAD_LETTERS])
def test_the_log_of_a_killed_run_is_verified_up_to_where_it_ends(name: str, tmp_path: Path) -> None:
    commits = sorted({number(x, "commit_seq") for x in lines_of(kept(name))})
    for seq in commits[4 : -1 : len(commits) // 9]:
        found = verified(cut_behind(name, tmp_path / str(seq), seq))
        assert found.event_count == seq
        assert not found.is_complete


def test_a_replay_needs_the_log_and_the_scenario_alone_and_asks_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: object) -> None:
        raise AssertionError("a replay asked a model or made a workload")

    monkeypatch.setattr(MockModel, "answer", never)
    monkeypatch.setattr("simulator.compose.workload_of", never)
    changes = {
        "noise_per_hour = 0.0": 'noise_per_hour = 0.0\nevents_file = "/no/such/file"\nevents_sha256 = "0"'
    }
    run = copy_of(SOAK, tmp_path, changes)
    before = sorted(path for path in run.path.rglob("*"))
    assert verified(run).is_complete
    assert sorted(path for path in run.path.rglob("*")) == before


def test_a_damaged_log_is_damage_and_no_divergence(tmp_path: Path) -> None:
    run = copy_of(SOAK, tmp_path)
    segment = next(run.events.glob("*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b'"architect"', b'"architecT"', 1))
    with pytest.raises(LogDamage):
        verified(run)


def test_a_run_without_its_scenario_cannot_be_replayed(tmp_path: Path) -> None:
    run = copy_of(SOAK, tmp_path)
    run.scenario.unlink()
    with pytest.raises(DamageError, match=r"scenario\.toml: the file is missing"):
        verified(run)


# -- another log --


def test_an_answer_that_was_changed_on_the_log_is_found_in_what_it_led_to(tmp_path: Path) -> None:
    def tamper(lines: Lines) -> Lines:
        call = next(x for x in lines if x["type"] == "model.called" and x["source"] == "architect")
        body(call)["answer"] = "1. Do something else."
        return lines

    run = changed(SOAK, tmp_path, tamper)
    found = divergence(run)
    assert (found.seq, found.field) == (seq_of(run, "task.created", "architect"), "data.plan")
    assert found.replayed == '"1. Do something else."'


def test_a_message_that_was_changed_on_the_log_is_found_in_what_it_led_to(tmp_path: Path) -> None:
    def tamper(lines: Lines) -> Lines:
        first = next(x for x in lines if x["type"] == "telemetry.received")
        body(first)["message"] = "All is well"
        return lines

    found = divergence(changed(SOAK, tmp_path, tamper))
    assert found.source == "witness"


def test_the_chain_goes_from_the_first_event_of_the_correlation_to_the_one_that_differs(
    tmp_path: Path,
) -> None:
    run = copy_of(SOAK, tmp_path, {"seed = 1": "seed = 2"})
    found = divergence(run)
    assert [link.type for link in found.chain] == [
        "telemetry.received",
        "pattern.detected",
        "task.created",
        "delivery.acknowledged",
    ]
    assert found.chain[-1].seq == found.seq
    assert found.chain[0].seq == found.correlation_seq


def test_a_receipt_for_what_was_never_delivered_is_found(tmp_path: Path) -> None:
    def tamper(lines: Lines) -> Lines:
        receipt = next(x for x in lines if x["type"] == "delivery.acknowledged")
        for line in lines:
            if line["commit_seq"] == receipt["commit_seq"]:
                line["causation_seq"] = 1
        return lines

    run = changed(SOAK, tmp_path, tamper)
    found = divergence(run)
    assert (found.seq, found.field) == (seq_of(run, "delivery.acknowledged", "witness"), "causation_seq")


def test_a_commit_of_somebody_who_is_no_agent_is_found(tmp_path: Path) -> None:
    def tamper(lines: Lines) -> Lines:
        receipt = next(x for x in lines if x["type"] == "delivery.acknowledged")
        for line in lines:
            if line["commit_seq"] == receipt["commit_seq"]:
                line["source"] = "stranger"
        return lines

    found = divergence(changed(SOAK, tmp_path, tamper))
    assert (found.field, found.recorded, found.replayed) == ("source", '"stranger"', NOTHING)


def test_a_log_without_events_proves_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotARun, match="no events"):
        verified(changed(SOAK, tmp_path, lambda lines: [], closes=False))


def test_the_error_is_one_line_that_says_where_and_what(tmp_path: Path) -> None:
    run = copy_of(SOAK, tmp_path, {"critical_error = 0.9": "critical_error = 0.91"})
    with pytest.raises(ReplayDiverged) as caught:
        verified(run)
    text = str(caught.value)
    assert "\n" not in text
    assert f"seq {caught.value.divergence.seq}: data.threshold is 0.9 on the log and 0.91" in text
    shutil.rmtree(run.path)
