"""Recording: whatever happens to processes and disks meanwhile, the log is the one that nothing disturbed."""

import os
import signal
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from bus.bodies import (
    FaultInjected,
    LogRecovered,
    ModelCalled,
    ProcessExited,
    ProcessStarted,
    TelemetryReceived,
)
from bus.events import Event
from bus.keys import Keys
from simulator.compose import TRANSPORTS
from simulator.drivers import remote
from simulator.duration import Duration
from simulator.errors import AgentDied
from simulator.faults.rules import FaultRule
from simulator.incarnation import Watcher
from simulator.recording import Means, Recording
from simulator.scenario import Scenario
from store.errors import WriteFailed
from store.faulty_disk import FaultyDisk
from store.log_reader import read_events
from store.verify import verify
from tests.simulator.builders import UNWATCHED, begun, digest_of, record, scenario
from tests.simulator.short_chaos import STORE_KINDS, short_chaos

BUSY = scenario("busy", duration="15m", seed=5)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str | None:
    folder = tmp_path_factory.mktemp("expected") / "run"
    record(BUSY, folder)
    return digest_of(folder)


def striking(number: signal.Signals, agents: tuple[str, ...]) -> Watcher:
    """Sends a signal to one agent's process after the other, each a moment after the one before."""
    struck: list[str] = []
    asked = 0

    def progress(now_ns: int, count: int) -> None:
        nonlocal asked
        asked += 1
        if asked % 2 and len(struck) < len(agents):
            name = agents[len(struck)]
            for child in psutil.Process().children():
                if name in child.cmdline():
                    child.send_signal(number)
            struck.append(name)

    return Watcher(progress, lambda: False)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_processes_killed_or_stopped_from_outside_are_seen_in_the_observations_only(
    number: signal.Signals, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "SILENCE_NS_MAX", 700_000_000)
    folder = begun(BUSY, tmp_path / "run")
    agents = ("witness", "executor", "architect")
    recorded = Recording(BUSY, folder, Means("processes"), striking(number, agents)).record()
    assert recorded.status == "completed"
    assert digest_of(folder.path) == expected
    bodies = [event.data for event in read_events(folder.observations)]
    started = [body.agent for body in bodies if isinstance(body, ProcessStarted)]
    exited = [(body.agent, body.exit_code) for body in bodies if isinstance(body, ProcessExited)]
    assert len(started) > 4
    assert ("witness", -signal.SIGKILL) in exited
    pids = [body.pid for body in bodies if isinstance(body, ProcessStarted) and body.pid != os.getpid()]
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_agents_that_cannot_be_kept_alive_end_the_run_with_a_log_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "RESTARTS_MAX", 0)
    folder = begun(BUSY, tmp_path / "run")
    recorded = Recording(BUSY, folder, Means("processes"), striking(signal.SIGKILL, ("witness",))).record()
    assert recorded.status == "failed"
    assert "agent witness was killed by signal 9" in recorded.reason
    *_, crashed, finished = read_events(folder.events)
    assert (crashed.type, finished.type) == ("agent.crashed", "run.finished")
    assert verify(folder.events).sound


def test_agents_that_die_before_a_resumed_run_has_caught_up_leave_its_log_as_it_was(
    expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops: list[int] = []
    folder = begun(BUSY, tmp_path / "run")
    watcher = Watcher(lambda now_ns, count: stops.append(count), lambda: stops[-1] > 1_000)
    Recording(BUSY, folder, Means("inproc"), watcher).record()
    with monkeypatch.context() as patch:
        patch.setattr(remote, "RESTARTS_MAX", 0)
        everybody = striking(signal.SIGKILL, ("witness",))
        with pytest.raises(AgentDied):
            Recording(BUSY, folder, Means("processes"), everybody).resume()
    Recording(BUSY, folder, Means("processes"), UNWATCHED).resume()
    assert digest_of(folder.path) == expected


# -- the disk under the log


def with_store_faults(seed: int) -> Scenario:
    """A short chaos that surely has a fault of each kind of the store."""
    of = short_chaos(seed, swarm_share=1.0)
    rules = {name: rule for name, rule in of.faults.rules.items() if rule.kind in STORE_KINDS}
    moments = {kind: (Duration.parse(f"{20 + 25 * n}m"),) for n, kind in enumerate(STORE_KINDS)}
    planned = {name: replace(rule, per_day=None, at=moments[rule.kind]) for name, rule in rules.items()}
    return replace(of, faults=replace(of.faults, rules={**of.faults.rules, **planned}))


def unbroken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tear_next_write", "flip_next_write", "fill"):
        monkeypatch.setattr(FaultyDisk, name, lambda *args: None)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_broken_disk_changes_nothing_on_the_log_but_what_it_says_of_it(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = with_store_faults(seed)
    for transport in TRANSPORTS:
        assert record(of, tmp_path / transport, transport).status == "completed"
        assert verify(tmp_path / transport / "events").sound
        bodies = [event.data for event in read_events(tmp_path / transport / "observations")]
        assert any(isinstance(body, LogRecovered) for body in bodies)
    with monkeypatch.context() as patch:
        unbroken(patch)
        record(of, tmp_path / "unbroken")
    bodies = [event.data for event in read_events(tmp_path / "unbroken" / "observations")]
    assert not any(isinstance(body, LogRecovered) for body in bodies)
    digests = {digest_of(tmp_path / name) for name in ("inproc", "processes", "unbroken")}
    assert len(digests) == 1
    faults = [e for e in read_events(tmp_path / "inproc" / "events") if e.type == "fault.injected"]
    assert {e.data.kind for e in faults if isinstance(e.data, FaultInjected)} >= set(STORE_KINDS)


def test_a_disk_that_fails_in_earnest_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: FaultyDisk, fd: int, data: bytes) -> int:
        if len(data) > 10_000:
            raise OSError(28, "No space left on device")
        return write(self, fd, data)

    write = FaultyDisk.write
    monkeypatch.setattr(FaultyDisk, "write", refuse)
    with pytest.raises(WriteFailed, match="No space left"):
        record(BUSY, tmp_path / "run")


# -- one rule more

MORE: dict[str, FaultRule] = {
    "slow": FaultRule(kind="slow", agent="witness", rate=0.05, factor=3.0),
    "drop": FaultRule(kind="drop", queue="telemetry_stream", rate=0.05),
    "crash": FaultRule(kind="crash", agent="executor", per_day=20.0),
    "error": FaultRule(kind="model_error", tier="cloud", rate=0.2),
}


def with_rule(of: Scenario, rule: FaultRule) -> Scenario:
    faults = replace(of.faults, heal_at=Duration.parse("5h"), rules={**of.faults.rules, "more": rule})
    return replace(of, faults=faults)


def told(
    events: list[Event],
) -> tuple[list[tuple[int, TelemetryReceived]], dict[tuple[str, int, str], object]]:
    """All telemetry, and what models answered to each prompt of each delivery."""
    keys, answers = Keys(), dict[tuple[str, int, str], object]()
    for event in events:
        keys.apply(event)
        call = event.data
        if isinstance(call, ModelCalled) and call.error_type is None and event.causation_seq is not None:
            place = (keys.key(event.causation_seq), call.call_number, call.prompt_sha256)
            answers[place] = (
                call.request_model,
                call.status,
                call.answer,
                call.output_tokens,
                call.latency_ns,
            )
    telemetry = [(e.time_ns, e.data) for e in events if isinstance(e.data, TelemetryReceived)]
    return telemetry, answers


def recorded(of: Scenario, folder: Path) -> list[Event]:
    record(of, folder)
    return list(read_events(folder / "events"))


@pytest.mark.parametrize("more", MORE)
def test_a_rule_more_changes_no_telemetry_and_no_answer_that_it_does_not_hit(
    more: str, tmp_path: Path
) -> None:
    of = scenario("soak", duration="8h", seed=4)
    telemetry, answers = told(recorded(of, tmp_path / "without"))
    changed_telemetry, changed_answers = told(recorded(with_rule(of, MORE[more]), tmp_path / "with"))
    assert changed_telemetry == telemetry
    both = answers.keys() & changed_answers.keys()
    first_attempts = [place for place in both if answers[place] == changed_answers[place]]
    assert len(first_attempts) > len(answers) // 3
    differing = [place for place in both if answers[place] != changed_answers[place]]
    assert differing == [] or more == "error"
