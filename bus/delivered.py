"""Bodies about what became of a delivery. Must not hold behaviour."""

from typing import ClassVar, Literal

from bus.body import Body, Count, Name, Text


class DeliveryAcknowledged(Body, frozen=True, gc=False):
    """First event of a handling's commit; ``causation_seq`` was delivered, ``source`` is the consumer."""

    TYPE: ClassVar[str] = "delivery.acknowledged"
    queue: Name
    attempt: Count
    """From 1."""
    arrived_ns: Count
    started_ns: Count
    finished_ns: Count


class DeliveryFailed(Body, frozen=True, gc=False):
    """An attempt that raised; the delivery is tried again after a backoff, or becomes a dead letter."""

    TYPE: ClassVar[str] = "delivery.failed"
    queue: Name
    attempt: Count
    arrived_ns: Count
    started_ns: Count
    finished_ns: Count
    reason: Text


class DeliveryDeadLettered(Body, frozen=True, gc=False):
    """Given up: ``causation_seq`` is the event that no one will handle."""

    TYPE: ClassVar[str] = "delivery.dead_lettered"
    queue: Name
    attempt: Count
    """Attempts made; 0 when no consumer saw it."""
    reason: Text
    cause: Literal["attempts_max", "queue_full", "redeliveries_max"]
    """The bound that was met."""
    arrived_ns: Count = 0
    """As in ``delivery.failed``; 0 when no consumer saw it."""
    started_ns: Count = 0
    finished_ns: Count = 0


class DeliveryRedelivered(Body, frozen=True, gc=False):
    """The sequencer sends an event again, from the log, since nothing acknowledged it."""

    TYPE: ClassVar[str] = "delivery.redelivered"
    queue: Name
    redelivery: Count
    """From 1 for one event and one reason."""
    reason: Text


class DeliveryDeduplicated(Body, frozen=True, gc=False):
    """A copy of an event came to a consumer that had settled it; it had no effect."""

    TYPE: ClassVar[str] = "delivery.deduplicated"
    queue: Name
    arrived_ns: Count
    finished_ns: Count
