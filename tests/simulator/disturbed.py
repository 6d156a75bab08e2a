"""A network of relaying agents that outages and faults of the links befall.

Must not hold tests.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from typing import ClassVar

import pytest
from msgspec import Struct

from agents import runtime
from bus.bodies import DeliveryDeadLettered, DeliveryRedelivered, FaultInjected
from bus.events import Draft, Event, Recalled
from bus.sequencer import ListLog
from simulator import inbox, outages, recollection
from simulator.drivers.driver import Driver
from simulator.engine import Engine
from simulator.faults.outage import Outage
from simulator.links import Fact, Passage
from simulator.outages import Outages
from simulator.recollection import Recollection
from tests.simulator.builders import (
    RELAYS,
    START_NS,
    Network,
    Relay,
    engine_of,
    events_of,
    finish,
    relay_driver,
)

DEDUPLICATION_NS = 3
"""Relays need 10 ns at least for a message; nothing may be faster than to see that it is a copy."""
FATES = ("plain", "plain", "plain", "late", "copy", "lost", "given up")


class ScriptedLinks(Struct, frozen=True):
    """Draws the fate of each delivery and answer from its key alone."""

    seed: int
    late_ns_max: int = 60
    fates: tuple[str, ...] = FATES
    answers_late: bool = True

    def deliver(self, key: str, source: str, queue: str, sent_ns: int, arrived_ns: int) -> Passage:
        fate = self.fates[self._drawn(key, len(self.fates))]
        late_ns = 1 + self._drawn(key + "/late", self.late_ns_max)
        fault = Fact(sent_ns, Draft(FaultInjected("scripted", fate, queue)))
        if fate == "plain":
            return Passage((arrived_ns,))
        if fate == "late":
            return Passage((arrived_ns + late_ns,), (fault,))
        if fate == "copy":
            return Passage((arrived_ns, arrived_ns + late_ns), (fault,))
        if fate == "lost":
            again = Fact(sent_ns + late_ns, Draft(DeliveryRedelivered(queue, 1, "nothing acknowledged it")))
            return Passage((arrived_ns + late_ns,), (fault, again))
        end = DeliveryDeadLettered(queue, 0, "nothing acknowledged it", "redeliveries_max")
        return Passage((), (fault, Fact(sent_ns + late_ns, Draft(end))))

    def answer(self, key: str, agent: str, attempt: int, sent_ns: int) -> Passage:
        name = f"{key}/answer/{attempt}"
        if not self.answers_late or self._drawn(name, 4):
            return Passage((sent_ns,))
        late_ns = 1 + self._drawn(name + "/late", self.late_ns_max)
        fault = Fact(sent_ns, Draft(FaultInjected("scripted", "late answer", agent, late_ns)))
        return Passage((sent_ns + late_ns,), (fault,))

    def _drawn(self, name: str, count: int) -> int:
        return int.from_bytes(sha256(f"{self.seed}/{name}".encode()).digest()[:8]) % count


@contextmanager
def relays_as_roles() -> Iterator[pytest.MonkeyPatch]:
    """Supervisor and recollection know the relays, and copies are seen in less than a handling takes."""
    roles: Mapping[str, type[Relay]] = {relay.name: relay for relay in RELAYS}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outages, "ROLES", roles)
        patch.setattr(recollection, "ROLES", roles)
        patch.setattr(runtime, "DEDUPLICATION_NS", DEDUPLICATION_NS)
        patch.setattr(inbox, "DEDUPLICATION_NS", DEDUPLICATION_NS)
        yield patch


class World:
    """An engine with its supervisor, and the log that they write; use it within :func:`relays_as_roles`."""

    RESTARTS_MAX: ClassVar[int] = 5

    def __init__(
        self,
        network: Network,
        driver: "Callable[[World], Driver] | None" = None,
    ) -> None:
        self.network: Network = network
        self.log = ListLog()
        self.recollection = Recollection(lambda from_seq: events_of(self.log)[from_seq - 1 :])
        self.driver = relay_driver(network.retry) if driver is None else driver(self)
        self.engine: Engine = engine_of(network, self.log, self.driver)
        self.outages = Outages(self.engine, self.driver, self.recalled, lambda agent: 0, self.RESTARTS_MAX)
        self.outages.plan(network.outages)

    def recalled(self, agent: str) -> Recalled:
        return self.recollection.recalled(agent, partial(self.engine.undone, agent))

    def events(self) -> list[Event]:
        finish(self.engine)
        return events_of(self.log)


def outage(
    agent: str, kind: str, frozen: int, lasts: int = 50, *, silence: int = 0, failed_count: int = 0
) -> Outage:
    """At nanoseconds after the start; ``lasts`` is from the end of the process to its return."""
    frozen_ns = START_NS + frozen
    down_ns = frozen_ns + (silence if kind == "hang" else 0)
    step_ns = max(1, lasts // (failed_count + 1))
    failed_ns = tuple(down_ns + step_ns * n for n in range(1, failed_count + 1))
    up_ns = max((down_ns, *failed_ns)) + step_ns
    return Outage("scripted", kind, agent, frozen_ns, down_ns, failed_ns, up_ns)
