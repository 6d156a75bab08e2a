"""Where deliveries are on their way: the inboxes of all agents and the links to them. Must not commit."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from bus.bodies import DeliveryDeadLettered
from bus.events import Delivery, Draft, Message
from bus.routing import UNREACHABLE_NS, Routes
from simulator.faults.outage import Outage
from simulator.inbox import Inbox, Parcel
from simulator.links import Fact, Links
from simulator.timetable import CommitKey


class Sent(NamedTuple):
    """One event of a commit that is for a queue."""

    offset: int
    """Of the event in its commit."""
    parcel: Parcel
    facts: Sequence[Fact]
    """What happens to it on its way."""


class Post:
    """Every inbox, and the way into it.

    ``distances_ns`` is :func:`bus.routing.distances_ns`; ``outages`` are those of all agents, in order.
    """

    def __init__(
        self,
        routes: Routes,
        links: Links,
        service_ns_min: Mapping[str, int],
        distances_ns: Mapping[tuple[str, str], int],
        outages: Sequence[Outage],
    ) -> None:
        self._routes = routes
        self._links = links
        self._distances_ns = distances_ns
        self.inboxes = {
            agent: Inbox(
                service_min,
                {route.queue: route.depth_max for route in routes.consumed_by(agent)},
                [outage for outage in outages if outage.agent == agent],
            )
            for agent, service_min in service_ns_min.items()
        }

    def inbox_of(self, queue: str) -> Inbox:
        return self.inboxes[self._routes.route(queue).consumer]

    def send(
        self, source: str, drafts: Sequence[Draft], key: CommitKey, path: str, behind: int = 0
    ) -> list[Sent]:
        """Put what a decided commit publishes on its way.

        ``path`` is its causal path; ``behind`` how many events another commit with the same key has, which
        comes before this one.
        """
        sent = []
        for offset, draft in enumerate(drafts):
            if draft.queue is not None:
                place = (*key, behind + offset)
                parcel, facts = self._send(source, draft, draft.queue, place, f"{path}.{offset}")
                sent.append(Sent(offset, parcel, facts))
        return sent

    def bounds(self, outside_ns: int) -> Iterator[tuple[str, int]]:
        """For each agent that has something to do and no batch in hand, before when all is decided.

        ``outside_ns``: nothing that no agent caused is undecided before it.
        """
        finishes_ns = {agent: inbox.earliest_finish_ns() for agent, inbox in self.inboxes.items()}
        for agent, inbox in self.inboxes.items():
            if not inbox.is_busy and finishes_ns[agent] != UNREACHABLE_NS:
                reach_ns = min(ns + self._distances_ns[other, agent] for other, ns in finishes_ns.items())
                yield agent, min(reach_ns, outside_ns)

    def earliest_finish_ns(self) -> int:
        """No commit of any agent that is still undecided can come before this."""
        return min(inbox.earliest_finish_ns() for inbox in self.inboxes.values())

    def _send(
        self, source: str, draft: Draft, queue: str, place: tuple[int, int, int, int], key: str
    ) -> tuple[Parcel, Sequence[Fact]]:
        route = self._routes.route(queue)
        inbox = self.inboxes[route.consumer]
        sent_ns = place[0]
        message = Message(sent_ns, source, queue, draft.data)
        passage = self._links.deliver(key, source, queue, sent_ns, sent_ns + route.delay_ns)
        inbox.expect(queue)
        arrivals_ns = passage.arrivals_ns
        first_ns = arrivals_ns[0] if arrivals_ns else UNREACHABLE_NS
        parcel = Parcel((first_ns, *place, 0), Delivery(key, first_ns, message), queue)
        if arrivals_ns:
            inbox.put(parcel)
        for copy, arrived_ns in enumerate(arrivals_ns[1:], start=1):
            delivery = Delivery(key, arrived_ns, message)
            inbox.put(Parcel((arrived_ns, *place, copy), delivery, queue, original=parcel))
        gave_up = bool(passage.facts) and isinstance(passage.facts[-1].draft.data, DeliveryDeadLettered)
        assert gave_up != bool(arrivals_ns), f"{key} has to arrive or to be given up"
        return parcel, passage.facts
