"""Outages: an agent that is not there does nothing, loses nothing, and the windows do not shape the log."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.bodies import (
    AgentCrashed,
    AgentRefused,
    AgentStarted,
    DeliveryAcknowledged,
    DeliveryDeadLettered,
    DeliveryDeduplicated,
    DeliveryFailed,
    DeliveryRedelivered,
    FaultInjected,
)
from bus.events import Event, Recalled
from simulator import inbox
from simulator.faults.outage import Outage
from tests.simulator.builders import BOOM, RELAYS, START_NS, Network, items, relay_runtime
from tests.simulator.disturbed import FATES, ScriptedLinks, World, outage, relays_as_roles
from tests.simulator.mortal_threads import MortalDriver

AGENTS = tuple(relay.name for relay in RELAYS)
KINDS = ("crash", "hang", "amnesia", "crash_loop")
steps = st.lists(
    st.tuples(st.integers(0, 300), st.sampled_from(["a", "bb", "ccc", BOOM, "long message"])), max_size=12
).map(lambda found: sorted(found, key=lambda step: step[0]))
one_outage = st.builds(
    lambda agent, kind, frozen, lasts, silence, failed: outage(
        agent,
        kind,
        frozen,
        lasts,
        silence=silence,
        failed_count={"amnesia": 1, "crash_loop": failed}.get(kind, 0),
    ),
    st.sampled_from(AGENTS),
    st.sampled_from(KINDS),
    st.integers(0, 500),
    st.integers(4, 150),
    st.integers(0, 100),
    st.integers(0, 3),
)


def apart(found: list[Outage]) -> tuple[Outage, ...]:
    """Without those that begin while their agent is away, as the plan of a run has it."""
    up_ns = dict.fromkeys(AGENTS, -1)
    kept = []
    for one in sorted(found, key=lambda o: o.frozen_ns):
        if one.frozen_ns > up_ns[one.agent]:
            kept.append(one)
            up_ns[one.agent] = one.up_ns
    return tuple(kept)


outages = st.lists(one_outage, max_size=6).map(apart)
links = st.builds(
    ScriptedLinks,
    st.integers(0, 10**6),
    st.sampled_from([1, 7, 60, 400]),
    st.lists(st.sampled_from(FATES), min_size=1, max_size=5).map(tuple),
    st.booleans(),
)
networks = st.builds(
    lambda found, depth_max, delays_ns, away, way: Network(
        items(*found), depth_max, delays_ns, links=way, outages=away, depths_interval_ns=35
    ),
    steps,
    st.sampled_from([1, 2, 3, 100]),
    st.tuples(*[st.integers(1, 60)] * 4),
    outages,
    links,
)


def windows(network: Network) -> list[list[Event]]:
    """The logs of one network under windows and batches of several sizes."""
    logs = []
    with relays_as_roles() as patch:
        for window, batch in ((2048, 512), (1, 1), (1, 512), (7, 2), (2048, 1)):
            patch.setattr(inbox, "BATCH_DELIVERIES_MAX", batch)
            network.window_deliveries_max = window
            logs.append(World(network).events())
    return logs


@given(networks)
@settings(max_examples=150, deadline=None)
def test_the_log_of_a_disturbed_run_does_not_depend_on_the_windows(network: Network) -> None:
    first, *others = windows(network)
    for other in others:
        assert other == first


def world(network: Network) -> list[Event]:
    with relays_as_roles():
        return World(network).events()


@given(networks)
@settings(max_examples=80, deadline=None)
def test_everything_delivered_is_settled_exactly_once_whatever_befalls_it(network: Network) -> None:
    events = world(network)
    ends = DeliveryAcknowledged, DeliveryDeadLettered
    settled = Counter(e.causation_seq for e in events if isinstance(e.data, ends))
    assert settled == Counter(e.seq for e in events if e.queue is not None)


@given(networks)
@settings(max_examples=80, deadline=None)
def test_an_agent_that_is_away_starts_nothing_and_says_nothing(network: Network) -> None:
    events = world(network)
    for away in network.outages:
        restarts_ns = (*away.failed_restarts_ns, away.up_ns)
        for event in events:
            if event.source != away.agent:
                continue
            body = event.data
            if isinstance(body, AgentStarted):
                assert event.time_ns in restarts_ns or not away.frozen_ns <= event.time_ns < away.up_ns
                continue
            assert not away.frozen_ns <= event.time_ns < away.up_ns
            if isinstance(body, DeliveryAcknowledged | DeliveryFailed) and event.time_ns >= away.up_ns:
                assert not away.frozen_ns - 10 < body.started_ns < away.up_ns
                assert body.started_ns >= away.up_ns or body.finished_ns < away.frozen_ns


@given(networks)
@settings(max_examples=80, deadline=None)
def test_time_never_goes_back_and_an_agent_does_one_thing_at_a_time(network: Network) -> None:
    events = world(network)
    assert [e.time_ns for e in events] == sorted(e.time_ns for e in events)
    by_seq = {event.seq: event for event in events}
    free_ns = dict.fromkeys(AGENTS, 0)
    for event in events:
        if event.causation_seq is not None:
            assert by_seq[event.causation_seq].seq < event.seq
        body = event.data
        if event.source in free_ns and isinstance(body, DeliveryAcknowledged | DeliveryFailed):
            assert body.started_ns >= max(body.arrived_ns, free_ns[event.source])
            assert body.started_ns + 10 <= body.finished_ns <= event.time_ns
            free_ns[event.source] = body.finished_ns


@given(networks)
@settings(max_examples=60, deadline=None)
def test_a_copy_has_no_effect_and_comes_after_the_event_was_settled(network: Network) -> None:
    events = world(network)
    settled: set[int] = set()
    for event in events:
        cause = event.causation_seq
        if isinstance(event.data, DeliveryAcknowledged | DeliveryDeadLettered) and cause is not None:
            settled.add(cause)
        if isinstance(event.data, DeliveryDeduplicated):
            assert cause in settled
            assert event.commit_seq == event.seq


def story(events: list[Event]) -> list[tuple[int, str, str]]:
    """What was said of the outage, in nanoseconds after the start."""
    told = FaultInjected, AgentCrashed, AgentStarted, AgentRefused, DeliveryRedelivered
    return [(e.time_ns - START_NS, e.type, e.source) for e in events if isinstance(e.data, told)]


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (
            outage("first", "crash", 20, 30),
            [(20, "agent.crashed", "sequencer"), (50, "agent.started", "first")],
        ),
        (
            outage("first", "hang", 20, 30, silence=15),
            [(35, "agent.crashed", "sequencer"), (65, "agent.started", "first")],
        ),
        (
            outage("first", "crash_loop", 20, 30, failed_count=2),
            [
                (20, "agent.crashed", "sequencer"),
                (30, "agent.started", "first"),
                (30, "agent.crashed", "sequencer"),
                (40, "agent.started", "first"),
                (40, "agent.crashed", "sequencer"),
                (50, "agent.started", "first"),
            ],
        ),
        (
            outage("first", "amnesia", 20, 30, failed_count=1),
            [
                (20, "agent.crashed", "sequencer"),
                (35, "agent.started", "first"),
                (35, "agent.refused", "sequencer"),
                (50, "agent.started", "first"),
            ],
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Outage) else "",
)
def test_an_outage_is_told_from_the_fault_to_the_return_and_what_waited_is_sent_again(
    one: Outage, told: list[tuple[int, str, str]]
) -> None:
    network = Network(items((10, "long message"), (12, "another one!"), (90, "a late one!!")), outages=(one,))
    events = world(network)
    up = told[-1][0]
    sent_again = [(up, "delivery.redelivered", "sequencer")] * 2
    assert story(events) == [(20, "fault.injected", "sequencer"), *told, *sent_again]
    done = [e.data.started_ns - START_NS for e in events if isinstance(e.data, DeliveryAcknowledged)]
    assert done[0] == up
    assert len(done) == 3


def test_what_an_agent_had_learned_before_its_outage_it_knows_after_it() -> None:
    network = Network(items((0, "long message"), (200, "long message")))
    one = outage("first", "crash", 150, 20)
    with relays_as_roles():
        calm = World(network)
        calm.events()
        network.outages = (one,)
        struck = World(network)
        struck.events()
    words = [[word.state for word in one.driver.stop()] for one in (calm, struck)]
    assert words[0] == words[1]
    assert words[0][0].handled_count == 2


def in_threads(world: World) -> MortalDriver:
    def recalled(agent: str) -> Recalled:
        return world.recalled(agent) if hasattr(world, "engine") else Recalled()

    names = dict.fromkeys(AGENTS, b"{}")
    return MortalDriver(names, lambda name: relay_runtime(name, world.network.retry), recalled)


@pytest.mark.parametrize("seed", range(4))
def test_agents_in_threads_that_are_frozen_and_killed_write_the_same_log(seed: int) -> None:
    away = (
        outage("first", "hang", 40, 30, silence=25),
        outage("second", "crash_loop", 70 + seed, 40, failed_count=2),
        outage("third", "amnesia", 90, 40, failed_count=1),
        outage("first", "crash", 160 + seed, 20),
    )
    found = items(*[(n * 9, "abc"[: 1 + n % 3]) for n in range(20)])
    network = Network(found, 4, links=ScriptedLinks(seed), outages=away)
    with relays_as_roles():
        expected = World(network).events()
        threaded = World(network, in_threads)
        assert isinstance(threaded.driver, MortalDriver)
        assert threaded.events() == expected
        threaded.driver.end_all()
    assert len(threaded.driver.threads.spawned) == 3 + len(away) + 1 + 0


def test_a_copy_behind_an_event_that_was_refused_is_not_forgotten() -> None:
    """The queue was full, and what stood behind was done sooner than the engine had thought possible."""
    steps = [(0, "a")] * 4 + [(52, "a"), (74, "a"), (112, "a"), (156, "a")]
    fates = ("plain", "plain", "copy", "plain", "given up")
    links = ScriptedLinks(776462, 60, fates, answers_late=False)
    network = Network(items(*steps), 2, (1, 1, 1, 1), links=links, depths_interval_ns=35)
    first, *others = windows(network)
    assert all(other == first for other in others)
    assert any(isinstance(e.data, DeliveryDeduplicated) for e in first)
