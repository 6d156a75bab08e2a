"""Runs that were hit by faults are verified and simulated like any other; agents die in every state."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from agents.runtime import Runtime
from agents.settled import Settled
from bus.bodies import (
    AgentCrashed,
    AgentStarted,
    DeliveryAcknowledged,
    DeliveryDeadLettered,
    DeliveryDeduplicated,
    DeliveryFailed,
    FaultInjected,
    ModelCalled,
)
from bus.events import Delivery, Event, Handling, Recalled
from simulator.faults.kinds import MODEL_KINDS, PACE_KINDS
from simulator.replay_compare import ReplayDiverged
from simulator.replay_simulate import simulate_again
from simulator.replay_verify import verify_run
from simulator.scenario_file import parse_scenario
from store.log_reader import read_events
from store.run_folder import RunFolder
from tests.simulator.builders import record
from tests.simulator.replay_logs import lines_of, number, written

SCENARIO = b"""
extends = "soak"
name = "hard"
duration = "12h"
[workload]
event_interval = "10m"
[intervals]
heartbeat = "30m"
metrics = "30m"
[retry]
backoff = "4m"
[models.local]
error_share = 0.6
[models.cloud]
error_share = 0.6
[faults]
heal_at = "10h"
[faults.rules.limited]
kind = "rate_limit"
tier = "local"
rate = 0.2
retry_after = "20s"
[faults.rules.dear]
kind = "cost_spike"
tier = "cloud"
rate = 0.3
[faults.rules.cut]
kind = "truncated_answer"
tier = "local"
rate = 0.1
[faults.rules.copied]
kind = "duplicate"
queue = "improvement_queue"
rate = 0.3
[faults.rules.crash-a]
kind = "crash"
agent = "architect"
per_day = 60.0
[faults.rules.crash-e]
kind = "crash"
agent = "executor"
per_day = 60.0
[faults.rules.forgetful]
kind = "amnesia"
agent = "witness"
per_day = 10.0
[faults.rules.slow]
kind = "slow"
agent = "executor"
rate = 0.3
factor = 3.0
[faults.rules.wrong]
kind = "clock_jump"
agent = "architect"
offset = "-1h"
at = ["2h"]
lasts = "3h"
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    of = parse_scenario(SCENARIO, "test")
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "run")
    record(of, folder.path)
    folder.scenario.write_text(of.to_toml())
    return folder


@pytest.fixture(scope="module")
def events(run: RunFolder) -> list[Event]:
    return list(read_events(run.events))


def test_the_run_has_what_the_others_here_are_about(events: list[Event]) -> None:
    by_agents = [e.data for e in events if e.source != "sequencer"]
    faults = {body.kind for body in by_agents if isinstance(body, FaultInjected)}
    assert faults & MODEL_KINDS == {"rate_limit", "cost_spike", "truncated_answer"}
    assert faults & PACE_KINDS == {"slow", "clock_jump"}
    seen = Counter(type(e.data) for e in events)
    for body in (DeliveryDeduplicated, DeliveryFailed, DeliveryDeadLettered, AgentCrashed):
        assert seen[body] > 3, body.TYPE
    assert {call.error_type for e in events if isinstance(call := e.data, ModelCalled)} >= {
        "rate_limited",
        "truncated",
    }
    assert crashes_between_attempts(events) > 3


def crashes_between_attempts(events: list[Event]) -> int:
    """Deliveries whose agent died while it waited to try them again."""
    waiting: dict[str, int | None] = {}
    count = 0
    for event in events:
        if isinstance(event.data, DeliveryFailed):
            waiting[event.source] = event.causation_seq
        elif isinstance(event.data, DeliveryAcknowledged | DeliveryDeadLettered):
            waiting[event.source] = None
        elif isinstance(event.data, AgentCrashed):
            count += waiting.get(event.data.agent) is not None
    return count


def test_every_delivery_is_verified_through_crashes_copies_and_failing_models(
    run: RunFolder, events: list[Event]
) -> None:
    found = verify_run(run, lambda count: None)
    receipts = [e for e in events if e.type.startswith("delivery.") and e.source != "sequencer"]
    assert found.attempt_count == len(receipts)
    assert found.is_complete
    assert found.state_count == 3


def test_the_whole_run_comes_out_again_byte_by_byte(run: RunFolder) -> None:
    found = simulate_again(run, lambda count: None)
    assert found.is_complete
    assert found.digest == found.recorded_digest


def test_an_agent_that_handles_a_copy_as_if_it_were_new_is_found(
    run: RunFolder, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settled, "__contains__", lambda self, key: False)
    with pytest.raises(ReplayDiverged) as caught:
        verify_run(run, lambda count: None)
    first = next(e for e in events if isinstance(e.data, DeliveryDeduplicated))
    assert caught.value.divergence.seq == first.seq
    assert caught.value.divergence.field.startswith("call workload-")


def test_an_agent_that_forgets_failed_attempts_is_found(
    run: RunFolder, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = Runtime.handle

    def forgetful(self: Runtime, delivery: Delivery) -> list[Handling]:
        return handle(self, Delivery(delivery.key, delivery.arrived_ns, delivery.message))

    monkeypatch.setattr(Runtime, "handle", forgetful)
    with pytest.raises(ReplayDiverged) as caught:
        verify_run(run, lambda count: None)
    assert caught.value.divergence.seq > next(e.seq for e in events if isinstance(e.data, AgentCrashed))


def test_an_agent_that_comes_back_without_its_state_is_found(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def amnesiac(self: Runtime, recalled: Recalled) -> int:
        return 0

    monkeypatch.setattr(Runtime, "recall", amnesiac)
    with pytest.raises(ReplayDiverged):
        verify_run(run, lambda count: None)


def test_a_log_that_ends_in_the_middle_of_an_outage_is_verified(
    run: RunFolder, events: list[Event], tmp_path: Path
) -> None:
    crashed = [e.seq for e in events if isinstance(e.data, AgentCrashed)]
    back = [e.seq for e in events if isinstance(e.data, AgentStarted) and e.data.restart_count]
    assert len(back) >= len(crashed)
    for seq in (*crashed[1:12:5], *back[1:12:5]):
        killed = killed_at(run, seq, tmp_path / str(seq))
        found = verify_run(killed, lambda count: None)
        assert (found.event_count, found.is_complete) == (seq, False)
        assert simulate_again(killed, lambda count: None).event_count == seq


def killed_at(run: RunFolder, seq: int, folder: Path) -> RunFolder:
    copy = RunFolder(folder)
    shutil.copytree(run.path, folder)
    return written(copy, [x for x in lines_of(run) if number(x, "commit_seq") <= seq], closes=False)
