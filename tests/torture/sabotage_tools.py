"""Tools to spoil a good log with, and the list of what is done to it. Must not judge."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import msgspec

from bus import bodies
from bus.bodies import Body
from bus.events import Event
from tests.analysis.synthetic import Synthetic

INSERTED_SEQ = 1_000_000
"""Numbers of events that are put in; writing gives them their place."""
B = TypeVar("B", bound=Body)
Spoil = Callable[[Synthetic], None]


class Sabotage(NamedTuple):
    invariant: str
    """What has to find it."""
    spoil: Spoil


class Sabotages:
    """A list that functions join by a decorator, which names the invariant that they break."""

    def __init__(self) -> None:
        self.all: list[Sabotage] = []

    def breaks(self, invariant: str) -> Callable[[Spoil], Spoil]:
        def join(spoil: Spoil) -> Spoil:
            self.all.append(Sabotage(invariant, spoil))
            return spoil

        return join


def nth(log: Synthetic, body: type[B], number: int = 0, **fields: object) -> Event:
    """One of the events of a type whose body has these values."""
    found = [
        event
        for event in log.of(body)
        if all(getattr(event.data, name) == value for name, value in fields.items())
    ]
    return found[number]


def body_of(event: Event, body: type[B]) -> B:
    assert isinstance(event.data, body)
    return event.data


def insert(log: Synthetic, after: Event, body: Body, **envelope: object) -> None:
    """A commit of one event, behind the commit of another one."""
    place = next(n for n, event in enumerate(log.events) if event.seq == after.commit_seq) + 1
    seq = INSERTED_SEQ + len(log.events)
    event = Event(seq, after.time_ns, type(body).TYPE, "sequencer", None, None, seq, seq, body)
    log.events.insert(place, msgspec.structs.replace(event, **envelope))


def repeat(log: Synthetic, event: Event, after: Event | None = None) -> None:
    """The same event again, as a commit of its own."""
    cause = {"causation_seq": event.causation_seq, "correlation_seq": event.correlation_seq}
    insert(log, after or event, event.data, source=event.source, queue=event.queue, **cause)


def commit_of(log: Synthetic, event: Event) -> list[Event]:
    return [other for other in log.events if other.commit_seq == event.commit_seq]


def recount(log: Synthetic) -> None:
    log.recount_queues()
    log.recount_agents()


def outage_of(log: Synthetic, kind: str) -> tuple[Event, Event]:
    """The fault and the start that ended it."""
    fault = nth(log, bodies.FaultInjected, kind=kind)
    starts = [event for event in log.of(bodies.AgentStarted) if event.correlation_seq == fault.seq]
    return fault, starts[-1]


def counts_less(log: Synthetic, rule: str) -> list[bodies.RuleCount]:
    """The counts of the run, with one firing less of a rule."""
    counted = body_of(nth(log, bodies.FaultsCounted), bodies.FaultsCounted)
    return [
        bodies.RuleCount(count.rule, count.kind, count.fired_count - (count.rule == rule))
        for count in counted.rules
    ]
