"""Drivers: one contract, wherever the agents live."""

import os
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import NamedTuple

import psutil
import pytest

from agents.runtime import Runtime
from bus import wire
from bus.bodies import PeerRefused
from bus.events import Recalled
from bus.transport import MemoryServer, Received
from simulator import compose
from simulator.compose_agent import build_runtime
from simulator.drivers import remote
from simulator.drivers.driver import Driver, Handled
from simulator.drivers.remote import RemoteDriver
from simulator.errors import AgentDied
from simulator.roles import AGENTS
from tests.simulator.builders import delivery, driver_of, json_of, scenario, soak_log
from tests.simulator.mortal_threads import MortalDriver

SOAK = scenario(duration="3h", seed=3)


class Agents(NamedTuple):
    driver: Driver
    pids: dict[str, int]


def build(agent: str) -> Runtime:
    return build_runtime(compose.agent_settings(SOAK, agent))


def nothing_recalled(agent: str) -> Recalled:
    return Recalled()


def in_process() -> Iterator[Agents]:
    driver = driver_of(SOAK)
    yield Agents(driver, {})
    driver.close()


def in_threads() -> Iterator[Agents]:
    driver = MortalDriver(dict.fromkeys(AGENTS, b"{}"), build, nothing_recalled)
    yield Agents(driver, driver.pids)
    driver.end_all()


def in_processes() -> Iterator[Agents]:
    with compose.agents_of(SOAK, "processes") as agents:
        yield Agents(agents.driver, agents.pids())
        agents.driver.close()


HOMES: dict[str, Callable[[], Iterator[Agents]]] = {
    "in-process": in_process,
    "threads": in_threads,
    "processes": in_processes,
}


@pytest.fixture(params=HOMES)
def agents(request: pytest.FixtureRequest) -> Iterator[Agents]:
    yield from HOMES[request.param]()


@pytest.fixture(scope="module")
def expected() -> list[bytes]:
    return json_of(soak_log(SOAK))


def collect_all(driver: Driver, agent: str, count: int) -> list[Handled]:
    parts: list[Handled] = []
    while sum(len(part.attempts) for part in parts) < count:
        parts.append(driver.collect())
    assert {part.agent for part in parts} == {agent}
    return parts


def test_the_log_is_the_same_and_every_agent_has_a_last_word(agents: Agents, expected: list[bytes]) -> None:
    assert json_of(soak_log(SOAK, agents.driver)) == expected
    words = agents.driver.stop()
    assert [word.state.agent for word in words] == list(AGENTS)
    in_process = driver_of(SOAK)
    assert json_of(soak_log(SOAK, in_process)) == expected
    assert [word.state for word in words] == [word.state for word in in_process.stop()]


def test_a_batch_comes_back_whole_and_in_order(agents: Agents) -> None:
    batch = [delivery(number * 1000) for number in range(40)]
    agents.driver.submit("witness", batch)
    (handled,) = collect_all(agents.driver, "witness", 40)
    starts = [attempts[-1].started_ns for attempts in handled.attempts]
    assert len(starts) == 40
    assert starts == sorted(starts)
    assert starts[0] == batch[0].arrived_ns


def test_a_batch_too_long_for_one_frame_comes_back_in_order(agents: Agents) -> None:
    batch = [delivery(number * 10**9, f"{number} " + "x" * 60_000) for number in range(25)]
    agents.driver.submit("witness", batch)
    parts = collect_all(agents.driver, "witness", 25)
    starts = [attempts[-1].started_ns for part in parts for attempts in part.attempts]
    assert starts == [one.arrived_ns for one in batch]


def test_agents_are_independent_and_both_answer(agents: Agents) -> None:
    agents.driver.submit("witness", [delivery(1)])
    agents.driver.submit("architect", [delivery(1)])
    answers = {
        handled.agent: handled.attempts for handled in (agents.driver.collect(), agents.driver.collect())
    }
    assert [attempt.outcome for attempt in answers["witness"][0]] == ["acknowledged"]
    assert [attempt.outcome for attempt in answers["architect"][0]] == ["failed", "failed", "dead_lettered"]


def test_closing_twice_is_harmless(agents: Agents) -> None:
    agents.driver.close()
    agents.driver.close()


def test_an_interrupted_run_leaves_handlings_behind_and_can_still_be_stopped(agents: Agents) -> None:
    agents.driver.submit("witness", [delivery(1)])
    assert [word.state.agent for word in agents.driver.stop()] == list(AGENTS)


def test_three_agents_have_three_processes_of_their_own_that_are_gone_after_the_run() -> None:
    with compose.agents_of(SOAK, "processes") as agents:
        pids = agents.pids()
        assert set(pids) == set(AGENTS)
        assert len({*pids.values(), os.getpid()}) == 4
        for pid in pids.values():
            assert psutil.Process(pid).ppid() == os.getpid()
        agents.driver.stop()
        assert agents.end() == dict.fromkeys(AGENTS, 0)
    assert not any(psutil.pid_exists(pid) for pid in pids.values())


def test_no_process_is_left_when_the_run_fails() -> None:
    pids: list[int] = []

    def fail() -> None:
        with compose.agents_of(SOAK, "processes") as agents:
            pids.extend(agents.pids().values())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert len(pids) == 3
    assert not any(psutil.pid_exists(pid) for pid in pids)


class Lonely(NamedTuple):
    server: MemoryServer
    driver: RemoteDriver
    processes: "Lonesome"


class Lonesome:
    """The process of one agent that a test plays by hand; it lives until a test says how it ended."""

    def __init__(self) -> None:
        self.deaths: Iterator[str | None] = repeat(None)
        self.spawned_count = 0
        self.killed_count = 0

    def spawn(self, agent: str) -> int:
        self.spawned_count += 1
        return os.getpid()

    def freeze(self, agent: str) -> None: ...

    def kill(self, agent: str) -> int | None:
        self.killed_count += 1
        return -9

    def death(self, agent: str) -> str | None:
        return next(self.deaths)


@pytest.fixture
def lonely(monkeypatch: pytest.MonkeyPatch) -> Lonely:
    """A driver of one agent that a test plays by hand, and that is not started again when it dies."""
    monkeypatch.setattr(remote, "POLL_NS", 1_000_000)
    monkeypatch.setattr(remote, "RESTARTS_MAX", 0)
    return lonely_with(MemoryServer())


def lonely_with(server: MemoryServer) -> Lonely:
    processes = Lonesome()
    driver = RemoteDriver(server, {"witness": b"{}"}, processes, nothing_recalled)
    driver.pids["witness"] = os.getpid()
    return Lonely(server, driver, processes)


def test_an_agent_that_falls_silent_is_taken_for_dead(
    lonely: Lonely, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "SILENCE_NS_MAX", 20_000_000)
    lonely.server.client("witness")
    lonely.driver.submit("witness", [delivery(1)])
    with pytest.raises(AgentDied, match="agent witness said nothing"):
        lonely.driver.collect()


def test_an_agent_that_dies_too_often_in_a_row_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "POLL_NS", 1_000_000)
    monkeypatch.setattr(remote, "RESTART_PAUSE_S", 0.001)
    _, driver, processes = lonely_with(MemoryServer())
    processes.deaths = repeat("was killed by signal 9")
    with pytest.raises(AgentDied, match="agent witness was killed by signal 9, 6 times in a row"):
        driver.submit("witness", [delivery(1)])
    assert processes.spawned_count == remote.RESTARTS_MAX == 5


class LateServer(MemoryServer):
    """Its frames come in just after a first look: what a poll misses while an agent sends and ends."""

    def receive(self, timeout_ns: int) -> Received | None:
        return None if timeout_ns else super().receive(0)


def test_the_last_message_of_an_agent_that_has_ended_is_read_before_it_is_called_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote, "RESTARTS_MAX", 0)
    server, driver, processes = lonely_with(LateServer())
    processes.deaths = repeat("ended with exit code 0")
    client = server.client("witness")
    driver.submit("witness", [delivery(1)])
    client.send(wire.encode_handlings([[]]))
    assert driver.collect() == Handled("witness", [[]])
    driver.submit("witness", [delivery(2)])
    with pytest.raises(AgentDied, match="ended with exit code 0"):
        driver.collect()


def test_a_stranger_on_the_bus_is_not_heard_and_told_of(
    lonely: Lonely, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "SILENCE_NS_MAX", 20_000_000)
    lonely.server.expect("witness", os.getpid())
    lonely.server.client("mallory").send(b'{"op":"ready","agent":"mallory"}')
    with pytest.raises(AgentDied, match="agent witness said nothing"):
        lonely.driver.start()
    (refused,) = [note for note in lonely.driver.take_notes() if isinstance(note, PeerRefused)]
    assert (refused.agent, refused.pid) == ("mallory", os.getpid())


def test_a_hello_repeated_gets_one_configuration(lonely: Lonely) -> None:
    lonely.server.expect("witness", os.getpid())
    client = lonely.server.client("witness")
    for frame in (b'{"op":"hello","agent":"witness","pid":7}',) * 3:
        client.send(frame)
    client.send(b'{"op":"ready","agent":"witness","recalled_count":0,"state_sha256":"abc"}')
    lonely.driver.start()
    assert lonely.driver.pids == {"witness": os.getpid()}
    assert lonely.driver.states == {"witness": "abc"}
    assert client.receive(10_000_000) == b'{"op":"configure","settings":{},"recall_frame_count":0}'
    assert client.receive(10_000_000) is None


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b'{"op":"ready","agent":"witness"}', "witness sent Ready when it was not asked"),
        (b"garbage", "witness sent what cannot be read"),
        (wire.encode_handlings([[], []]), "witness answered 2 deliveries, it had 1"),
    ],
)
def test_an_agent_that_breaks_the_protocol_is_taken_for_dead(
    frame: bytes, reason: str, lonely: Lonely
) -> None:
    client = lonely.server.client("witness")
    lonely.driver.submit("witness", [delivery(1)])
    client.send(frame)
    with pytest.raises(AgentDied, match=reason):
        lonely.driver.collect()
    assert lonely.processes.killed_count == 0


def test_an_agent_whose_socket_closes_a_moment_before_its_death_is_known_is_named(lonely: Lonely) -> None:
    lonely.processes.deaths = iter([None, None, "was killed by signal 9"])
    with pytest.raises(AgentDied, match="agent witness was killed by signal 9"):
        lonely.driver.submit("witness", [delivery(1)])


def test_an_agent_that_lives_and_takes_no_frame_is_taken_for_dead(
    lonely: Lonely, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "DYING_POLL_COUNT", 2)
    with pytest.raises(AgentDied, match="cannot be sent to: agent 'witness' is not connected"):
        lonely.driver.submit("witness", [delivery(1)])
