"""What is pending on each named queue: a fold over the log.

Must not decide when a delivery starts or who fails.

The engine decides ahead of time; this is the committed truth that it is held to, and the source of every
queue depth in the log.
"""

from collections.abc import Iterator

from bus.bodies import DeliveryAcknowledged, DeliveryDeadLettered, DeliveryFailed
from bus.errors import ProtocolError
from bus.events import Event
from bus.routing import Route, Routes

_RECEIPTS = (DeliveryAcknowledged, DeliveryFailed, DeliveryDeadLettered)


class Queue:
    """One bounded queue: pending deliveries with their retry counts, and how many became dead letters."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.acknowledged_count = 0
        self.dead_letter_count = 0
        self.busy_ns = 0
        """Service time of the deliveries acknowledged so far."""
        self._attempts: dict[int, int] = {}
        self._depth_max = 0

    @property
    def depth(self) -> int:
        """Deliveries published and neither acknowledged nor dead."""
        return len(self._attempts)

    def attempt_count(self, seq: int) -> int:
        """Failed attempts at a pending delivery.

        Raises:
            ProtocolError: it is not pending.
        """
        try:
            return self._attempts[seq]
        except KeyError:
            raise ProtocolError(f"event {seq} is not pending on {self.route.queue!r}") from None

    def take_depth_max(self) -> int:
        """The greatest depth since this was asked last."""
        depth_max, self._depth_max = self._depth_max, self.depth
        return depth_max

    def publish(self, seq: int) -> None:
        self._attempts[seq] = 0
        # One beyond the bound is refused in the next commit, and never was pending.
        self._depth_max = max(self._depth_max, min(len(self._attempts), self.route.depth_max))

    def acknowledge(self, seq: int, service_ns: int) -> None:
        """Raises ProtocolError when the delivery is not pending: acknowledged twice, or never published."""
        self._remove(seq)
        self.acknowledged_count += 1
        self.busy_ns += service_ns

    def fail(self, seq: int) -> None:
        self._attempts[seq] = self.attempt_count(seq) + 1

    def dead_letter(self, seq: int) -> None:
        self._remove(seq)
        self.dead_letter_count += 1

    def _remove(self, seq: int) -> None:
        self.attempt_count(seq)
        del self._attempts[seq]


class Queues:
    """All queues of a run, folded from the log by :meth:`apply`."""

    def __init__(self, routes: Routes) -> None:
        self._queues = {route.queue: Queue(route) for route in routes}

    def queue(self, name: str) -> Queue:
        return self._queues[name]

    def of_consumer(self, consumer: str) -> list[Queue]:
        return [queue for queue in self._queues.values() if queue.route.consumer == consumer]

    def __iter__(self) -> Iterator[Queue]:
        return iter(self._queues.values())

    def apply(self, event: Event) -> None:
        """Fold one committed event.

        Raises:
            ProtocolError: an unknown queue, or an acknowledgement of what is not pending.
        """
        if event.queue is not None:
            self._named(event.queue).publish(event.seq)
            return
        body = event.data
        if not isinstance(body, _RECEIPTS) or event.causation_seq is None:
            return
        queue, seq = self._named(body.queue), event.causation_seq
        if isinstance(body, DeliveryAcknowledged):
            queue.acknowledge(seq, body.finished_ns - body.started_ns)
        elif isinstance(body, DeliveryFailed):
            queue.fail(seq)
        else:
            queue.dead_letter(seq)

    def _named(self, name: str) -> Queue:
        try:
            return self._queues[name]
        except KeyError:
            raise ProtocolError(
                f"no queue is called {name!r}; this run has {', '.join(self._queues)}"
            ) from None
