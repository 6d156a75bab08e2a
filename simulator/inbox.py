"""What is decided to arrive at one agent, and when it could be through with it.

Must not touch the log or a driver.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush

from msgspec import Struct
from msgspec.structs import replace

from agents.runtime import DEDUPLICATION_NS
from bus.events import Delivery
from bus.routing import UNREACHABLE_NS
from simulator.faults.outage import Outage

BATCH_DELIVERIES_MAX = 512
"""Deliveries handed out at once; more gain nothing and cost memory."""

ArrivalKey = tuple[int, int, int, int, int, int]
"""(arrival, then the time, priority and ordinal of the commit, the index in it, the copy): no ties."""


class Parcel(Struct, gc=False):
    """A delivery, and the place of its event in the log once that is known."""

    key: ArrivalKey
    delivery: Delivery
    queue: str
    seq: int = 0
    """0 until its event is on the log."""
    correlation_seq: int = 0
    accepted: bool = True
    """False once the queue was full: nobody will handle it."""
    redelivery_count: int = 0
    """How often it was sent again because its consumer had ended."""
    original: "Parcel | None" = None
    """For a copy: the first parcel of the same event, which knows all of the above."""

    @property
    def event(self) -> "Parcel":
        return self.original or self


class Inbox:
    """The deliveries of one agent in the order of their arrival: waiting, then in flight, then resolved.

    ``outages`` are those of the agent, in order. A handling that is not on the log when one begins is lost:
    its delivery waits again until the agent is back.
    """

    def __init__(
        self, service_ns_min: int, depth_max: Mapping[str, int], outages: Sequence[Outage] = ()
    ) -> None:
        self._service_ns_min = service_ns_min
        self._shortest_ns = min(service_ns_min, DEDUPLICATION_NS)
        self._depth_max = depth_max
        self._waiting: list[tuple[ArrivalKey, Parcel]] = []
        self._in_flight: deque[Parcel] = deque()
        self._decided_count = dict.fromkeys(depth_max, 0)
        """Per queue: deliveries decided and not yet settled on the log; never below its depth."""
        self._outages = deque(outages)
        self._is_lost = False
        """The next outage undoes what was handed out last; nothing more is handed out until it is over."""
        self.free_ns = 0
        """When the agent is through with all that is resolved."""
        self.answered_ns = 0
        """When the last of its answers is on the log; the next one cannot be there before."""

    @property
    def is_busy(self) -> bool:
        """Whether a batch is out."""
        return bool(self._in_flight)

    @property
    def head(self) -> Parcel:
        """The delivery in flight whose handling comes next."""
        return self._in_flight[0]

    def expect(self, queue: str) -> None:
        """A delivery of that queue is decided; it counts until :meth:`settled`, whether it arrives or not."""
        self._decided_count[queue] += 1

    def put(self, parcel: Parcel) -> None:
        heappush(self._waiting, (parcel.key, parcel))

    def settled(self, queue: str) -> None:
        """A delivery of that queue was acknowledged, dead-lettered or refused on the log."""
        self._decided_count[queue] -= 1

    def earliest_finish_ns(self) -> int:
        """No commit of this agent that is still undecided can come before this."""
        self._drop_refused()
        if self._in_flight:
            parcel = self._in_flight[0]
        elif self._waiting:
            parcel = self._waiting[0][1]
        else:
            return UNREACHABLE_NS
        service_ns = self._service_ns_min if parcel.original is None else DEDUPLICATION_NS
        if self._may_be_refused(parcel.event):
            # Then what stands behind it comes next, which may be a copy, and that takes less.
            service_ns = self._shortest_ns
        finish_ns = max(parcel.delivery.arrived_ns, self.free_ns) + service_ns
        if self.is_lost(finish_ns):
            return self._outages[0].up_ns + service_ns
        return finish_ns

    def take(self, bound_ns: int) -> list[Delivery]:
        """Hand out, in order, what arrives before ``bound_ns``; it is in flight until :meth:`resolve`.

        A delivery whose queue might be full when its event is committed is held back until that is known, and
        so is all that an agent could not finish before its next outage.
        """
        batch: list[Delivery] = []
        waiting = self._waiting
        if waiting and self.is_lost(max(waiting[0][0][0], self.free_ns) + self._shortest_ns):
            return batch
        while waiting and waiting[0][0][0] < bound_ns and len(batch) < BATCH_DELIVERIES_MAX:
            parcel = waiting[0][1]
            event = parcel.event
            if not event.accepted:
                heappop(waiting)
                continue
            if self._may_be_refused(event):
                break
            heappop(waiting)
            self._in_flight.append(parcel)
            batch.append(parcel.delivery)
        return batch

    def failed(self, free_ns: int) -> None:
        """The head's attempt failed; it is tried again, even if the agent ends in between."""
        head = self._in_flight[0]
        head.delivery = replace(head.delivery, attempt_count=head.delivery.attempt_count + 1)
        self.free_ns = free_ns

    def resolve(self, free_ns: int) -> Parcel:
        """The head is settled by its handling, which ends at ``free_ns``."""
        self.free_ns = free_ns
        return self._in_flight.popleft()

    # -- outages
    # ----------------------------------------------------------------------------------------------------

    def is_lost(self, answered_ns: int) -> bool:
        """Whether an answer that is on the log at that moment at the earliest comes too late to get there."""
        return self._is_lost or (bool(self._outages) and answered_ns >= self._outages[0].frozen_ns)

    def lose(self) -> None:
        """What is in flight was for nothing: it waits again, in its old place, until the agent is back."""
        self._is_lost = True
        while self._in_flight:
            self.put(self._in_flight.pop())

    def back(self) -> list[Parcel]:
        """The agent is back from its outage; the deliveries that had arrived before it and wait for it."""
        outage = self._outages.popleft()
        self._is_lost = False
        self.free_ns = max(self.free_ns, outage.up_ns)
        early = (parcel for _, parcel in self._waiting if parcel.delivery.arrived_ns < outage.down_ns)
        return sorted((p for p in early if p.original is None and p.seq and p.accepted), key=lambda p: p.key)

    def _may_be_refused(self, event: Parcel) -> bool:
        """Its queue might be full when it is committed."""
        return not event.seq and self._decided_count[event.queue] > self._depth_max[event.queue]

    def _drop_refused(self) -> None:
        while self._waiting and not self._waiting[0][1].event.accepted:
            heappop(self._waiting)
