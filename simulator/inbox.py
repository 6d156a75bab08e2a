"""What is decided to arrive at one agent, and when it could be through with it.

Must not touch the log or a driver.
"""

from collections import deque
from heapq import heappop, heappush

from msgspec import Struct

from bus.events import Delivery
from bus.routing import UNREACHABLE_NS

BATCH_DELIVERIES_MAX = 512
"""Deliveries handed out at once; more gain nothing and cost memory."""

ArrivalKey = tuple[int, int, int, int, int]
"""(arrival, then the time, priority and ordinal of the commit, then the index in it): no ties."""


class Parcel(Struct, gc=False):
    """A delivery, and the place of its event in the log once that is known."""

    delivery: Delivery
    queue: str
    seq: int = 0
    """0 until its event is on the log."""
    correlation_seq: int = 0
    accepted: bool = True
    """False once the queue was full: nobody will handle it."""


class Inbox:
    """The deliveries of one agent in the order of their arrival: waiting, then in flight, then resolved."""

    def __init__(self, service_ns_min: int, depth_max: dict[str, int]) -> None:
        self._service_ns_min = service_ns_min
        self._depth_max = depth_max
        self._waiting: list[tuple[ArrivalKey, Parcel]] = []
        self._in_flight: deque[Parcel] = deque()
        self._decided_count = dict.fromkeys(depth_max, 0)
        """Per queue: deliveries decided and not yet acknowledged on the log; never below its depth."""
        self.free_ns = 0
        """When the agent is through with all that is resolved."""

    @property
    def is_busy(self) -> bool:
        """Whether a batch is out."""
        return bool(self._in_flight)

    def put(self, key: ArrivalKey, parcel: Parcel) -> None:
        heappush(self._waiting, (key, parcel))
        self._decided_count[parcel.queue] += 1

    def settled(self, queue: str) -> None:
        """A delivery of that queue was acknowledged, dead-lettered or refused on the log."""
        self._decided_count[queue] -= 1

    def earliest_finish_ns(self) -> int:
        """No commit of this agent that is still undecided can come before this."""
        self._drop_refused()
        if self._in_flight:
            arrived_ns = self._in_flight[0].delivery.arrived_ns
        elif self._waiting:
            arrived_ns = self._waiting[0][0][0]
        else:
            return UNREACHABLE_NS
        return max(arrived_ns, self.free_ns) + self._service_ns_min

    def take(self, bound_ns: int) -> list[Delivery]:
        """Hand out, in order, what arrives before ``bound_ns``; it is in flight until :meth:`resolve`.

        A delivery whose queue might be full when its event is committed is held back until that is known.
        """
        batch: list[Delivery] = []
        waiting = self._waiting
        while waiting and waiting[0][0][0] < bound_ns and len(batch) < BATCH_DELIVERIES_MAX:
            parcel = waiting[0][1]
            if not parcel.accepted:
                heappop(waiting)
                continue
            if not parcel.seq and self._decided_count[parcel.queue] > self._depth_max[parcel.queue]:
                break
            heappop(waiting)
            self._in_flight.append(parcel)
            batch.append(parcel.delivery)
        return batch

    def resolve(self, free_ns: int) -> Parcel:
        """The next delivery in flight has its handling, which ends at ``free_ns``."""
        self.free_ns = free_ns
        return self._in_flight.popleft()

    def _drop_refused(self) -> None:
        while self._waiting and not self._waiting[0][1].accepted:
            heappop(self._waiting)
