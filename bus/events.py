"""The event and what it is made from: draft, message, commit, delivery, handling.

Must not know how any of them is stored or sent.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from bus.bodies import Body, Count, Name

Seq = Annotated[int, Meta(ge=1, le=2**63 - 1)]


class Event(Struct, frozen=True, gc=False):
    """One line of the log: an envelope around a body. Attribute names follow CloudEvents where it has one."""

    seq: Seq
    """Dense, from 1, given by the sequencer: the total order."""
    time_ns: Count
    """Bus time in nanoseconds since the Unix epoch; never decreases along the log."""
    type: Name
    source: Name
    """Who published it: ``workload``, ``witness``, ``sequencer``, ..."""
    queue: Name | None
    """The named queue that it is routed to, or null for a bare fact."""
    causation_seq: Seq | None
    """The event whose handling produced this one."""
    correlation_seq: Seq
    """The first event of the chain; its own ``seq`` for a first event."""
    commit_seq: Seq
    """``seq`` of the last event of the same atomic commit."""
    data: Body


class Draft(Struct, frozen=True, gc=False):
    """What somebody wants on the log: a body, and the queue it is for."""

    data: Body
    queue: Name | None = None


class Message(Struct, frozen=True, gc=False):
    """An event as published, without its place in the total order: all that an agent ever sees of it."""

    time_ns: Count
    source: Name
    queue: Name | None
    data: Body


class Delivery(Struct, frozen=True, gc=False):
    """A message on its way to one consumer."""

    key: Name
    """The causal path of the message, the same in every run that has it: names its random streams."""
    arrived_ns: Count
    message: Message
    attempt_count: Count = 0
    """Attempts that failed and are on the log."""


class Handling(Struct, frozen=True, gc=False):
    """One attempt of a consumer at a delivery, and what it wants committed."""

    attempt: Count
    """From 1."""
    outcome: Literal["acknowledged", "failed", "dead_lettered", "deduplicated"]
    started_ns: Count
    finished_ns: Count
    drafts: tuple[Draft, ...] = ()
    """In order. A failed attempt has only the model calls that it made: their money is spent."""
    reason: str = ""
    """Why it failed."""


class Recalled(Struct, frozen=True, gc=False):
    """What an agent that starts again is told: all that a fold over the log says about it."""

    free_ns: Count = 0
    """It can start no delivery before this."""
    handled_count: Count = 0
    settled_keys: tuple[str, ...] = ()
    """The deliveries that it settled last, oldest first; a copy of one of them has no effect."""
    bodies: tuple[Body, ...] = ()
    """What it published that changes its state, in the order of the log."""
