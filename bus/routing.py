"""Which queue goes to whom, how long it takes and how much it holds. Must not hold deliveries."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from bus.errors import ProtocolError


class Route(Struct, frozen=True):
    """A named queue and its one consumer."""

    queue: str
    consumer: str
    delay_ns: int
    """From the commit of an event to its arrival at the consumer."""
    depth_max: int
    """Deliveries that may be pending; an event published beyond that becomes a dead letter at once."""


class Routes:
    """The routing table of a run.

    Raises:
        ProtocolError: a queue has two routes.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes: dict[str, Route] = {}
        for route in routes:
            if route.queue in self._routes:
                raise ProtocolError(f"queue {route.queue!r} has two consumers; give each queue one")
            self._routes[route.queue] = route

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes.values())

    def route(self, queue: str) -> Route:
        """The route of a queue.

        Raises:
            ProtocolError: there is no such queue.
        """
        try:
            return self._routes[queue]
        except KeyError:
            known = ", ".join(self._routes)
            raise ProtocolError(f"no queue is called {queue!r}; this run has {known}") from None

    def consumed_by(self, consumer: str) -> list[Route]:
        return [route for route in self._routes.values() if route.consumer == consumer]


UNREACHABLE_NS = 2**63
"""Later than any moment and longer than any run: no chain of queues leads there."""


def distances_ns(
    routes: Routes, publishes: Mapping[str, Iterable[str]], service_ns_min: Mapping[str, int]
) -> dict[tuple[str, str], int]:
    """The shortest time from a commit of X to an arrival at Y, for every pair (X, Y), X = Y included.

    ``publishes`` names the queues that each agent may publish to, ``service_ns_min`` the shortest handling
    of each. A chain X -> Z -> Y takes the delay of X's queue, Z's shortest handling and the delay of Z's
    queue.

    Shortest paths over all pairs as in R. W. Floyd, "Algorithm 97: Shortest path", CACM 5(6), 1962. A
    diagonal entry is the shortest cycle.
    """
    agents = list(publishes)
    distance = {(x, y): UNREACHABLE_NS for x in agents for y in agents}
    for agent, queues in publishes.items():
        for queue in queues:
            route = routes.route(queue)
            edge = (agent, route.consumer)
            distance[edge] = min(distance[edge], route.delay_ns)
    for via in agents:
        for x in agents:
            for y in agents:
                through = distance[x, via] + service_ns_min[via] + distance[via, y]
                distance[x, y] = min(distance[x, y], through)
    return distance
