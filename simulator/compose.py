"""The composition root: the only place where the parts of a run are built and put together.

Must not decide or compute anything.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Literal, get_args

import msgspec
from msgspec import Struct

from agents.runtime import RetryPolicy
from bus.bodies import Body
from bus.events import Recalled
from bus.permissions import Permissions
from bus.queues import Queues
from bus.redaction import Redactor, known_secrets
from bus.routing import Route, Routes, distances_ns
from bus.sequencer import Sequencer
from simulator.border import Border
from simulator.clock import VirtualClock
from simulator.compose_agent import AgentSettings, GraphFiles, build_runtime
from simulator.drivers.driver import Driver
from simulator.drivers.in_process import InProcessDriver
from simulator.engine import WORKLOAD_AHEAD_MAX, Engine, Item, Monitor
from simulator.errors import EventsFileError
from simulator.events_file import read_events_file
from simulator.faults.links import FaultyLinks, Redelivery
from simulator.faults.mix import active_rules, rules_of_agent
from simulator.faults.outage import Outage
from simulator.faults.outages import planned_outages
from simulator.faults.rules import ActiveRule
from simulator.faults.store_fault import StoreFault
from simulator.faults.store_faults import planned_store_faults
from simulator.links import Links, PerfectLinks
from simulator.monitors import BudgetMonitor
from simulator.post import Post
from simulator.reviewer import FEEDBACK_QUEUE, NoReviewer, Reviewer, TruthfulReviewer
from simulator.roles import AGENTS, ROLES
from simulator.scenario import Scenario
from simulator.streams import Streams
from simulator.workload import generated

Transport = Literal["processes", "inproc"]
TRANSPORTS: tuple[Transport, ...] = get_args(Transport)


class Agents(Struct):
    """The agents of a run, wherever they live."""

    driver: Driver
    end: Callable[[], dict[str, int]]
    """Waits for agents' processes to end; their exit codes."""
    pids: Callable[[], dict[str, int]]
    """Of those that have a process of their own, now."""
    notes: Callable[[], list[Body]]
    """What happened to their processes since this was asked last."""
    states: dict[str, str]
    """Digest of what each knew when it was ready last."""


def routes_of(scenario: Scenario) -> Routes:
    return Routes(
        Route(name, queue.consumer, int(queue.delay), queue.depth_max)
        for name, queue in scenario.queues.items()
    )


def rules_of(scenario: Scenario) -> tuple[ActiveRule, ...]:
    """The fault rules that are part of this run."""
    return active_rules(scenario.faults, scenario.seed, scenario.start_ns)


def outages_of(scenario: Scenario) -> list[Outage]:
    if scenario.heal_ns is None:
        return []
    return planned_outages(rules_of(scenario), scenario.supervision, scenario.heal_ns)


def store_faults_of(scenario: Scenario) -> list[StoreFault]:
    return planned_store_faults(rules_of(scenario), Streams(scenario.seed))


def links_of(scenario: Scenario) -> Links:
    rules = rules_of(scenario)
    if not rules:
        return PerfectLinks()
    consumers = {name: queue.consumer for name, queue in scenario.queues.items()}
    faults = scenario.faults
    redelivery = Redelivery(int(faults.redelivery_timeout), faults.redeliveries_max)
    return FaultyLinks(rules, Streams(scenario.seed), consumers, redelivery)


def reviewer_of(scenario: Scenario) -> Reviewer:
    if scenario.feedback is None:
        return NoReviewer()
    return TruthfulReviewer(scenario.feedback, Streams(scenario.seed))


def agent_settings(scenario: Scenario, agent: str, graph_files: GraphFiles | None = None) -> AgentSettings:
    return AgentSettings(
        agent=agent,
        seed=scenario.seed,
        granted_nanousd=scenario.budget.granted_nanousd(agent),
        witness=scenario.witness,
        is_reviewed=scenario.feedback is not None,
        models=scenario.models,
        retry=RetryPolicy(scenario.retry.attempts_max, int(scenario.retry.backoff)),
        faults=rules_of_agent(rules_of(scenario), agent),
        graph_files=graph_files,
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
        settings.manner,
    )


@contextmanager
def agents_of(
    scenario: Scenario,
    transport: Transport,
    recalled: Callable[[str], Recalled] = lambda agent: Recalled(),
    listen: str | None = None,
    graph_files: GraphFiles | None = None,
) -> Iterator[Agents]:
    """The agents, told what they knew and ready for deliveries.

    When the block ends, however it ends, no process of theirs is left. ``listen`` is an address of tcp for
    agents as processes; without it they meet on a Unix socket in a private folder.

    Raises:
        AgentDied: an agent's process did not come up.
        EnvironmentProblem: the socket cannot be opened.
        RefusedError: it may not be opened there.
    """
    if transport == "inproc":
        driver = InProcessDriver(
            AGENTS, lambda agent: build_runtime(agent_settings(scenario, agent, graph_files))
        )
        states = {agent: driver.recall(agent, recalled(agent)) for agent in AGENTS}
        yield Agents(driver, dict, dict, list, states)
        return
    # ZeroMQ is loaded only by a run that uses it.
    from bus.zeromq import ZmqServer, new_key_pair
    from simulator.drivers.children import Children
    from simulator.drivers.remote import RemoteDriver

    settings = {agent: msgspec.json.encode(agent_settings(scenario, agent, graph_files)) for agent in AGENTS}
    with ZmqServer(listen, new_key_pair() if listen else None) as server:
        children = Children(server.endpoint, lambda agent: msgspec.json.encode(server.issue_keys(agent)))
        try:
            remote = RemoteDriver(server, settings, children, recalled)
            remote.start()
            yield Agents(remote, children.end, lambda: dict(remote.pids), remote.take_notes, remote.states)
        finally:
            children.kill_all()


def engine_of(
    scenario: Scenario,
    sequencer: Sequencer,
    driver: Driver,
    monitors: Sequence[Monitor] = (),
    window_deliveries_max: int = WORKLOAD_AHEAD_MAX,
) -> Engine:
    routes = routes_of(scenario)
    publishes = {agent: role.publishes for agent, role in ROLES.items()}
    if scenario.witness.review_above is not None:
        # The answer to a request for review comes back to WITNESS: that is a way too.
        publishes["witness"] = (*publishes["witness"], FEEDBACK_QUEUE)
    service_ns_min = {agent: role.service_ns_min for agent, role in ROLES.items()}
    distances = distances_ns(routes, publishes, service_ns_min)
    links = links_of(scenario)
    return Engine(
        clock=VirtualClock(scenario.start_ns),
        sequencer=sequencer,
        queues=Queues(routes),
        post=Post(routes, links, service_ns_min, distances, outages_of(scenario)),
        links=links,
        border=Border(Redactor(known_secrets(os.environ)).redact_body, Permissions().check),
        driver=driver,
        workload=workload_of(scenario),
        end_ns=scenario.start_ns + scenario.duration,
        monitors=[BudgetMonitor(scenario.budget.total_nanousd), *monitors],
        reviewer=reviewer_of(scenario),
        window_deliveries_max=window_deliveries_max,
    )
