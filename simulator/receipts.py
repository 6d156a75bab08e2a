"""The first event of a handling's commit: what became of the delivery. Must not decide it."""

from bus.bodies import (
    Body,
    DeliveryAcknowledged,
    DeliveryDeadLettered,
    DeliveryDeduplicated,
    DeliveryFailed,
)
from bus.events import Handling


def receipt(queue: str, arrived_ns: int, handling: Handling) -> Body:
    """For a delivery that came from that queue at that moment."""
    attempt, started_ns, finished_ns = handling.attempt, handling.started_ns, handling.finished_ns
    if handling.outcome == "acknowledged":
        return DeliveryAcknowledged(queue, attempt, arrived_ns, started_ns, finished_ns)
    if handling.outcome == "failed":
        return DeliveryFailed(queue, attempt, arrived_ns, started_ns, finished_ns, handling.reason)
    if handling.outcome == "deduplicated":
        return DeliveryDeduplicated(queue, arrived_ns, finished_ns)
    return DeliveryDeadLettered(
        queue, attempt, handling.reason, "attempts_max", arrived_ns, started_ns, finished_ns
    )
