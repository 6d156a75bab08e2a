"""The composition root: the only place where the parts of a run are built and put together.

Must not decide or compute anything.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Literal, get_args

import msgspec
from msgspec import Struct

from agents.runtime import RetryPolicy
from bus.queues import Queues
from bus.routing import Route, Routes, distances_ns
from bus.sequencer import Sequencer
from simulator.clock import VirtualClock
from simulator.compose_agent import AgentSettings, build_runtime
from simulator.drivers.driver import Driver
from simulator.drivers.in_process import InProcessDriver
from simulator.engine import WORKLOAD_AHEAD_MAX, Engine, Item
from simulator.errors import EventsFileError
from simulator.events_file import read_events_file
from simulator.monitors import BudgetMonitor
from simulator.roles import AGENTS, ROLES
from simulator.scenario import Scenario
from simulator.streams import Streams
from simulator.workload import generated

Transport = Literal["processes", "inproc"]
TRANSPORTS: tuple[Transport, ...] = get_args(Transport)


class Agents(Struct):
    """The agents of a run, wherever they live."""

    driver: Driver
    pids: dict[str, int]
    end: Callable[[], dict[str, int]]
    """Waits for agents' processes to end; their exit codes."""


def routes_of(scenario: Scenario) -> Routes:
    return Routes(
        Route(name, queue.consumer, int(queue.delay), queue.depth_max)
        for name, queue in scenario.queues.items()
    )


def agent_settings(scenario: Scenario, agent: str) -> AgentSettings:
    return AgentSettings(
        agent=agent,
        seed=scenario.seed,
        granted_nanousd=scenario.budget.granted_nanousd(agent),
        thresholds=scenario.witness.thresholds,
        models=scenario.models,
        retry=RetryPolicy(scenario.retry.attempts_max, int(scenario.retry.backoff)),
    )


def workload_of(scenario: Scenario) -> Iterator[Item]:
    """What comes within the duration of the run.

    Raises:
        EventsFileError: the scenario names an events file that cannot be used.
    """
    settings = scenario.workload
    if settings.events_file is not None:
        end_ns = scenario.start_ns + scenario.duration
        path = Path(settings.events_file)
        file = read_events_file(path, scenario.start_ns, settings.event_interval)
        if file.sha256 != settings.events_sha256:
            raise EventsFileError(path, 1, "the file is not what it was when the scenario was resolved")
        return takewhile(lambda item: item.time_ns < end_ns, file.items)
    return generated(
        Streams(scenario.seed),
        scenario.start_ns,
        scenario.duration,
        settings.event_interval,
        settings.noise_per_hour,
    )


@contextmanager
def agents_of(scenario: Scenario, transport: Transport) -> Iterator[Agents]:
    """The agents, ready for deliveries; when the block ends, however it ends, no process of theirs is left.

    Raises:
        AgentDied: an agent's process did not come up.
        EnvironmentProblem: the socket cannot be opened.
    """
    if transport == "inproc":
        runtimes = {agent: build_runtime(agent_settings(scenario, agent)) for agent in AGENTS}
        yield Agents(InProcessDriver(runtimes), {}, dict)
        return
    # ZeroMQ is loaded only by a run that uses it.
    from bus.zeromq import ZmqServer
    from simulator.drivers.children import Children
    from simulator.drivers.remote import RemoteDriver

    settings = {agent: msgspec.json.encode(agent_settings(scenario, agent)) for agent in AGENTS}
    with ZmqServer() as server:
        children = Children(AGENTS, server.endpoint)
        try:
            driver = RemoteDriver(server, settings, children.death)
            driver.start()
            yield Agents(driver, driver.pids, children.end)
        finally:
            children.kill()


def engine_of(
    scenario: Scenario,
    sequencer: Sequencer,
    driver: Driver,
    window_deliveries_max: int = WORKLOAD_AHEAD_MAX,
) -> Engine:
    routes = routes_of(scenario)
    publishes = {agent: role.publishes for agent, role in ROLES.items()}
    service_ns_min = {agent: role.service_ns_min for agent, role in ROLES.items()}
    return Engine(
        clock=VirtualClock(scenario.start_ns),
        sequencer=sequencer,
        queues=Queues(routes),
        routes=routes,
        driver=driver,
        service_ns_min=service_ns_min,
        distances_ns=distances_ns(routes, publishes, service_ns_min),
        workload=workload_of(scenario),
        end_ns=scenario.start_ns + scenario.duration,
        monitors=[BudgetMonitor(scenario.budget.total_nanousd)],
        window_deliveries_max=window_deliveries_max,
    )
