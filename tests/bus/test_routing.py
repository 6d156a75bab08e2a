"""Routing: one consumer a queue, and the shortest time from one agent to another."""

from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import ProtocolError
from bus.routing import UNREACHABLE_NS, Route, Routes, distances_ns

AGENTS = ("a", "b", "c", "d")


def chains(start: str, end: str) -> list[tuple[str, ...]]:
    """Every chain from start to end that passes no agent twice in between."""
    others = [agent for agent in AGENTS if agent not in (start, end)]
    return [(start, *via, end) for n in range(len(others) + 1) for via in permutations(others, n)]


@st.composite
def networks(draw: st.DrawFn) -> tuple[Routes, dict[str, list[str]], dict[str, int]]:
    routes = [
        Route(f"q{n}", draw(st.sampled_from(AGENTS)), draw(st.integers(0, 50)), 10)
        for n in range(draw(st.integers(0, 7)))
    ]
    names = [route.queue for route in routes]
    some = st.lists(st.sampled_from(names), unique=True) if names else st.just([])
    publishes = {agent: draw(some) for agent in AGENTS}
    return Routes(routes), publishes, {agent: draw(st.integers(1, 50)) for agent in AGENTS}


@given(networks())
def test_a_distance_is_that_of_the_shortest_chain(
    network: tuple[Routes, dict[str, list[str]], dict[str, int]],
) -> None:
    routes, publishes, service_ns_min = network

    def edge_ns(x: str, y: str) -> int:
        delays = [routes.route(q).delay_ns for q in publishes[x] if routes.route(q).consumer == y]
        return min(delays, default=UNREACHABLE_NS)

    def chain_ns(chain: tuple[str, ...]) -> int:
        links = sum(edge_ns(x, y) for x, y in pairwise(chain))
        return links + sum(service_ns_min[via] for via in chain[1:-1])

    found = distances_ns(routes, publishes, service_ns_min)
    for x in AGENTS:
        for y in AGENTS:
            shortest = min(chain_ns(chain) for chain in chains(x, y))
            assert found[x, y] == min(shortest, UNREACHABLE_NS)


def test_the_distance_of_an_agent_to_itself_is_its_shortest_cycle() -> None:
    routes = Routes([Route("there", "b", 5, 1), Route("back", "a", 7, 1)])
    found = distances_ns(routes, {"a": ["there"], "b": ["back"]}, {"a": 100, "b": 10})
    assert found == {("a", "b"): 5, ("b", "a"): 7, ("a", "a"): 22, ("b", "b"): 112}


def test_agents_that_no_queue_connects_are_out_of_reach() -> None:
    found = distances_ns(Routes([]), {"a": [], "b": []}, {"a": 1, "b": 1})
    assert set(found.values()) == {UNREACHABLE_NS}


def test_a_queue_with_two_consumers_is_refused() -> None:
    with pytest.raises(ProtocolError, match="'q' has two consumers"):
        Routes([Route("q", "a", 1, 1), Route("q", "b", 1, 1)])


def test_an_unknown_queue_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(ProtocolError, match="'x'; this run has q, r"):
        Routes([Route("q", "a", 1, 1), Route("r", "a", 1, 1)]).route("x")


def test_routes_keep_their_order_and_know_their_consumers() -> None:
    routes = [Route("z", "a", 1, 1), Route("y", "b", 1, 1), Route("x", "a", 1, 1)]
    assert list(Routes(routes)) == routes
    assert Routes(routes).consumed_by("a") == [routes[0], routes[2]]
