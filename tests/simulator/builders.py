"""A small network of relaying agents, and short runs of real scenarios. Must not hold tests."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random
from typing import ClassVar

import msgspec
from msgspec import Struct

from agents.agent import Context
from agents.ledger import Ledger
from agents.runtime import RetryPolicy, Runtime
from bus.bodies import (
    Body,
    FeedbackGiven,
    MetricsSampled,
    QueueDepth,
    TaskCompleted,
    TelemetryReceived,
    TruthLabelled,
)
from bus.codec import decode_event, seal_line
from bus.events import Delivery, Draft, Event, Message
from bus.queues import Queues
from bus.routing import Route, Routes, distances_ns
from bus.sequencer import ListLog, Log, Sequencer
from simulator import compose
from simulator.border import Border, open_border
from simulator.clock import VirtualClock
from simulator.compose_agent import build_runtime
from simulator.drivers.driver import Driver
from simulator.drivers.in_process import InProcessDriver
from simulator.engine import Engine, Item, Monitor
from simulator.faults.outage import Outage
from simulator.incarnation import Watcher
from simulator.links import Links, PerfectLinks
from simulator.options import Options, resolve
from simulator.post import Post
from simulator.recording import Means, Recorded, Recording
from simulator.roles import AGENTS
from simulator.scenario import Scenario
from simulator.scenario_file import load_scenario
from simulator.timetable import Timer
from store.manifest import read_manifest
from store.run_folder import RunFolder

START_NS = 1_000_000
BOOM = "boom"
"""A message with this word makes every relay raise."""


class Relay:
    """Takes a random time for each message, and passes most of them on to its one queue."""

    name: ClassVar[str]
    consumes: ClassVar[tuple[str, ...]]
    publishes: ClassVar[tuple[str, ...]]
    folds: ClassVar[tuple[type[Body], ...]] = (TaskCompleted,)
    service_ns_min: ClassVar[int] = 10

    def __init__(self) -> None:
        self.folded_count = 0

    def foresee(self, messages: Sequence[Message]) -> None:
        pass

    def handle(self, message: Message, context: Context) -> Sequence[Draft]:
        body = message.data
        assert isinstance(body, TelemetryReceived | FeedbackGiven)
        if BOOM in body.message:
            raise ValueError(f"{self.name} cannot bear {body.message}")
        context.compute(context.random.randint(0, 60))
        done = Draft(TaskCompleted("duplication", self.name, body.message))
        if context.random.random() < 0.8 and len(body.message) < 12:
            return [done, Draft(FeedbackGiven("duplication", True, body.message + "+"), self.publishes[0])]
        return [done]

    def apply(self, body: Body) -> None:
        self.folded_count += 1

    def state_sha256(self) -> str:
        return f"{self.folded_count}"

    def pattern_count(self) -> int:
        return 0


class First(Relay):
    name = "first"
    consumes = ("in", "back")
    publishes = ("middle",)


class Second(Relay):
    name = "second"
    consumes = ("middle",)
    publishes = ("end",)


class Third(Relay):
    name = "third"
    consumes = ("end",)
    publishes = ("back",)


RELAYS: tuple[type[Relay], ...] = (First, Second, Third)


class Network(Struct):
    """What the engine of a network of relays is made with."""

    items: Iterable[Item]
    depth_max: int = 100
    delays_ns: tuple[int, int, int, int] = (5, 5, 5, 40)
    window_deliveries_max: int = 2048
    retry: RetryPolicy = RetryPolicy(attempts_max=2, backoff_ns=30)
    monitors: tuple[Monitor, ...] = ()
    end_ns: int = START_NS + 1_000
    depths_interval_ns: int = 0
    """0: no timer; otherwise queue depths are recorded so often."""
    links: Links = PerfectLinks()
    border: Border = open_border()
    outages: tuple[Outage, ...] = ()
    """What the inboxes know of; :func:`tests.simulator.disturbed.disturbed` lets them happen."""


def items(*steps: tuple[int, str]) -> list[Item]:
    """Telemetry with its truth at so many nanoseconds after the start."""
    return [
        Item(START_NS + at_ns, [Draft(TelemetryReceived(text), "in"), Draft(TruthLabelled("none"))])
        for at_ns, text in steps
    ]


def relay_driver(retry: RetryPolicy) -> InProcessDriver:
    return InProcessDriver([r.name for r in RELAYS], lambda name: relay_runtime(name, retry))


def relay_runtime(name: str, retry: RetryPolicy) -> Runtime:
    (relay,) = (r for r in RELAYS if r.name == name)
    return Runtime(relay(), Ledger(0), {}, _stream_of(name), retry)


def _stream_of(name: str) -> Callable[[str], Random]:
    return lambda key: Random(f"{name}/{key}")


def engine_of(network: Network, log: Log, driver: Driver | None = None) -> Engine:
    names = ("in", "middle", "end", "back")
    consumers = ("first", "second", "third", "first")
    routes = Routes(
        Route(queue, consumer, delay_ns, network.depth_max)
        for queue, consumer, delay_ns in zip(names, consumers, network.delays_ns, strict=True)
    )
    service_ns_min = {relay.name: relay.service_ns_min for relay in RELAYS}
    distances = distances_ns(routes, {r.name: r.publishes for r in RELAYS}, service_ns_min)
    engine = Engine(
        clock=VirtualClock(START_NS),
        sequencer=Sequencer(log),
        queues=Queues(routes),
        post=Post(routes, network.links, service_ns_min, distances, network.outages),
        links=network.links,
        border=network.border,
        driver=relay_driver(network.retry) if driver is None else driver,
        workload=network.items,
        end_ns=network.end_ns,
        monitors=network.monitors,
        window_deliveries_max=network.window_deliveries_max,
    )
    if network.depths_interval_ns:
        engine.every(Timer(network.depths_interval_ns, lambda at_ns: _record_depths(engine, at_ns)))
    return engine


def _record_depths(engine: Engine, at_ns: int) -> None:
    depths = [QueueDepth(q.route.queue, q.depth, q.take_depth_max()) for q in engine.queues]
    engine.record(at_ns, "sequencer", [Draft(MetricsSampled(depths))])


STEPS_MAX = 3_000
"""More than any test needs; an engine that has not come to its end by then never will."""


def finish(engine: Engine) -> None:
    for _ in range(STEPS_MAX):
        if engine.is_done:
            return
        engine.step()
    raise AssertionError(f"no end after {STEPS_MAX} steps; {engine.event_count} events are on the log")


def run(network: Network, driver: Driver | None = None) -> list[Event]:
    log = ListLog()
    finish(engine_of(network, log, driver))
    return events_of(log)


def events_of(log: ListLog) -> list[Event]:
    return [decode_event(seal_line(line, 0).line) for commit in log.commits for line in commit]


def json_of(log: ListLog) -> list[bytes]:
    return [line for commit in log.commits for line in commit]


def scenario(name: str = "soak", **options: object) -> Scenario:
    typed = {option: str(value) for option, value in options.items()}
    return resolve(load_scenario(name), msgspec.convert(typed, Options))


def driver_of(of: Scenario) -> InProcessDriver:
    return InProcessDriver(AGENTS, lambda agent: build_runtime(compose.agent_settings(of, agent)))


def soak_log(of: Scenario, driver: Driver | None = None, *, window_deliveries_max: int = 2048) -> ListLog:
    """The events of a scenario by a driver: what agents do, without the facts that a recording adds."""
    log = ListLog()
    engine = compose.engine_of(
        of,
        Sequencer(log),
        driver_of(of) if driver is None else driver,
        window_deliveries_max=window_deliveries_max,
    )
    assert engine.run(lambda: False)
    return log


UNWATCHED = Watcher(lambda now_ns, count: None, lambda: False)


def record(of: Scenario, folder: Path, transport: compose.Transport = "inproc") -> Recorded:
    return Recording(of, begun(of, folder), Means(transport), UNWATCHED).record()


def begun(of: Scenario, folder: Path) -> RunFolder:
    """A new run folder with its scenario, and nothing else yet."""
    run = RunFolder.create(folder)
    run.scenario.write_text(of.to_toml())
    return run


def digest_of(run: Path) -> str | None:
    """Of the closed log of a run; None if it is not closed."""
    manifest = read_manifest(run / "events")
    return None if manifest is None else manifest.digest


def delivery(number: int, text: str = "Build failed", queue: str = "telemetry_stream") -> Delivery:
    message = Message(number, "workload", queue, TelemetryReceived(text))
    return Delivery(f"workload-{number}.0", number + 5, message)
