"""Drivers: one contract, wherever the agents live."""

import os
import signal
from collections.abc import Callable, Iterator
from threading import Thread
from time import sleep
from typing import NamedTuple

import msgspec
import psutil
import pytest

from agents.process import AgentProcess
from bus import wire
from bus.errors import ProtocolError
from bus.transport import MemoryServer, Received
from simulator import compose
from simulator.compose_agent import build_runtime, build_runtime_from_json
from simulator.drivers import remote
from simulator.drivers.driver import Driver, Handled
from simulator.drivers.in_process import InProcessDriver
from simulator.drivers.remote import RemoteDriver
from simulator.errors import AgentDied
from simulator.roles import AGENTS
from tests.simulator.builders import delivery, json_of, scenario, soak_log

SOAK = scenario(duration="3h", seed=3)


class Agents(NamedTuple):
    driver: Driver
    pids: dict[str, int]


def in_process() -> Iterator[Agents]:
    driver = InProcessDriver({a: build_runtime(compose.agent_settings(SOAK, a)) for a in AGENTS})
    yield Agents(driver, {})
    driver.close()


def in_threads() -> Iterator[Agents]:
    server = MemoryServer()
    settings = {a: msgspec.json.encode(compose.agent_settings(SOAK, a)) for a in AGENTS}
    processes = [
        AgentProcess(a, number, server.client(a), build_runtime_from_json, lambda: False)
        for number, a in enumerate(AGENTS, 1)
    ]
    for process in processes:
        Thread(target=process.run, daemon=True).start()
    driver = RemoteDriver(server, settings, lambda agent: None)
    driver.start()
    yield Agents(driver, driver.pids)
    driver.close()


def in_processes() -> Iterator[Agents]:
    with compose.agents_of(SOAK, "processes") as agents:
        yield Agents(agents.driver, agents.pids)
        agents.driver.close()


HOMES: dict[str, Callable[[], Iterator[Agents]]] = {
    "in-process": in_process,
    "threads": in_threads,
    "processes": in_processes,
}


@pytest.fixture(params=HOMES)
def agents(request: pytest.FixtureRequest) -> Iterator[Agents]:
    yield from HOMES[request.param]()


@pytest.fixture
def processes() -> Iterator[Agents]:
    yield from in_processes()


@pytest.fixture(scope="module")
def expected() -> list[bytes]:
    return json_of(soak_log(SOAK))


def collect_all(driver: Driver, agent: str, count: int) -> list[Handled]:
    parts: list[Handled] = []
    while sum(len(part.attempts) for part in parts) < count:
        parts.append(driver.collect())
    assert {part.agent for part in parts} == {agent}
    return parts


def kill_and_wait_until_the_socket_knows(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        sleep(0.01)
    sleep(0.2)


def test_the_log_is_the_same_and_every_agent_has_a_last_word(agents: Agents, expected: list[bytes]) -> None:
    assert json_of(soak_log(SOAK, agents.driver)) == expected
    words = agents.driver.stop()
    assert [word.state.agent for word in words] == list(AGENTS)
    in_process = {a: build_runtime(compose.agent_settings(SOAK, a)) for a in AGENTS}
    assert json_of(soak_log(SOAK, InProcessDriver(in_process))) == expected
    assert [word.state for word in words] == [in_process[a].stopped() for a in AGENTS]


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
        pids = dict(agents.pids)
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
            pids.extend(agents.pids.values())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert len(pids) == 3
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_an_agent_killed_while_it_owes_an_answer_is_named(processes: Agents) -> None:
    psutil.Process(processes.pids["witness"]).suspend()
    processes.driver.submit("witness", [delivery(1)])
    os.kill(processes.pids["witness"], signal.SIGKILL)
    with pytest.raises(AgentDied, match="agent witness was killed by signal 9"):
        processes.driver.collect()


def test_an_agent_killed_while_idle_is_named_when_it_is_needed(processes: Agents) -> None:
    kill_and_wait_until_the_socket_knows(processes.pids["architect"])
    with pytest.raises(AgentDied, match="architect was killed by signal 9"):
        processes.driver.submit("architect", [delivery(1)])


def test_an_agent_killed_before_the_end_is_named_when_it_is_asked_for_its_last_word(
    processes: Agents,
) -> None:
    kill_and_wait_until_the_socket_knows(processes.pids["executor"])
    with pytest.raises(AgentDied, match="executor was killed by signal 9"):
        processes.driver.stop()


class Lonely(NamedTuple):
    server: MemoryServer
    driver: RemoteDriver


@pytest.fixture
def lonely(monkeypatch: pytest.MonkeyPatch) -> Lonely:
    """A driver of one agent that a test plays by hand."""
    monkeypatch.setattr(remote, "POLL_NS", 1_000_000)
    server = MemoryServer()
    return Lonely(server, RemoteDriver(server, {"witness": b"{}"}, lambda agent: None))


def test_an_agent_that_falls_silent_is_taken_for_dead(
    lonely: Lonely, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "SILENCE_NS_MAX", 20_000_000)
    lonely.server.client("witness")
    lonely.driver.submit("witness", [delivery(1)])
    with pytest.raises(AgentDied, match="agent witness said nothing"):
        lonely.driver.collect()


class LateServer(MemoryServer):
    """Its frames come in just after a first look: what a poll misses while an agent sends and ends."""

    def receive(self, timeout_ns: int) -> Received | None:
        return None if timeout_ns else super().receive(0)


def test_the_last_message_of_an_agent_that_has_ended_is_read_before_it_is_called_dead() -> None:
    server = LateServer()
    driver = RemoteDriver(server, {"witness": b"{}"}, lambda agent: "ended with exit code 0")
    client = server.client("witness")
    driver.submit("witness", [delivery(1)])
    client.send(wire.encode_handlings([[]]))
    assert driver.collect() == Handled("witness", [[]])
    driver.submit("witness", [delivery(2)])
    with pytest.raises(AgentDied, match="ended with exit code 0"):
        driver.collect()


def test_a_stranger_on_the_bus_is_refused(lonely: Lonely) -> None:
    lonely.server.client("mallory").send(b'{"op":"ready","agent":"mallory"}')
    with pytest.raises(ProtocolError, match="'mallory' is not an agent of this run"):
        lonely.driver.start()


def test_a_hello_repeated_gets_one_configuration(lonely: Lonely) -> None:
    client = lonely.server.client("witness")
    for frame in (b'{"op":"hello","agent":"witness","pid":7}',) * 3:
        client.send(frame)
    client.send(b'{"op":"ready","agent":"witness"}')
    lonely.driver.start()
    assert lonely.driver.pids == {"witness": 7}
    assert client.receive(10_000_000) == b'{"op":"configure","settings":{}}'
    assert client.receive(10_000_000) is None


def test_an_answer_that_nobody_asked_for_is_refused(lonely: Lonely) -> None:
    client = lonely.server.client("witness")
    lonely.driver.submit("witness", [delivery(1)])
    client.send(b'{"op":"ready","agent":"witness"}')
    with pytest.raises(ProtocolError, match="witness sent Ready when it was not asked"):
        lonely.driver.collect()


def test_an_agent_whose_socket_closes_a_moment_before_its_death_is_known_is_named() -> None:
    deaths = iter([None, None, "was killed by signal 9"])
    driver = RemoteDriver(MemoryServer(), {"witness": b"{}"}, lambda agent: next(deaths))
    with pytest.raises(AgentDied, match="agent witness was killed by signal 9"):
        driver.submit("witness", [delivery(1)])


def test_an_agent_that_lives_and_takes_no_frame_is_our_mistake() -> None:
    driver = RemoteDriver(MemoryServer(), {"witness": b"{}"}, lambda agent: None)
    with pytest.raises(ProtocolError, match="'witness' is not connected"):
        driver.submit("witness", [delivery(1)])
