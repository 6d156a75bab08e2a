"""Recollection: what an agent is told is what a fold over the log says, and what it did beyond it."""

from collections.abc import Sequence

import pytest

from agents.settled import SETTLED_KEYS_MAX
from bus.bodies import AgentStarted, AgentStopped, DeliveryAcknowledged, TelemetryDismissed
from bus.events import Draft, Event, Handling, Recalled
from bus.keys import Keys
from simulator import compose
from simulator.compose_agent import build_runtime
from simulator.decided import Undone
from simulator.recollection import Recollection
from simulator.roles import AGENTS
from tests.simulator.builders import driver_of, events_of, scenario, soak_log

BUSY = scenario("busy", duration="20m", seed=5)


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return events_of(soak_log(BUSY))


def last_words() -> dict[str, AgentStopped]:
    driver = driver_of(BUSY)
    soak_log(BUSY, driver)
    return {word.state.agent: word.state for word in driver.stop()}


def stopped(agent: str, recalled: Recalled) -> AgentStopped:
    runtime = build_runtime(compose.agent_settings(BUSY, agent))
    assert runtime.recall(recalled) == len(recalled.bodies)
    return runtime.stopped()


def test_an_agent_that_is_told_everything_is_the_agent_that_did_it(events: list[Event]) -> None:
    words = last_words()
    recollection = Recollection(lambda from_seq: events[from_seq - 1 :])
    for agent in AGENTS:
        assert stopped(agent, recollection.recalled(agent)) == words[agent]
    assert words["witness"].pattern_count > 0


def test_the_log_is_read_once_however_often_it_is_asked(events: list[Event]) -> None:
    asked: list[int] = []

    def history(from_seq: int) -> Sequence[Event]:
        asked.append(from_seq)
        return events[from_seq - 1 : from_seq + 999]

    recollection = Recollection(history)
    for agent in AGENTS:
        recollection.recalled(agent)
    assert asked == [1, 1001, 2001]


def undone_of(events: Sequence[Event], agent: str) -> list[Undone]:
    """What an agent did, as the engine has it before it is on the log."""
    keys, found = Keys(), []
    for number, event in enumerate(events):
        keys.apply(event)
        body = event.data
        if event.source == agent and isinstance(body, DeliveryAcknowledged) and event.causation_seq:
            rest = [e for e in events[number + 1 :] if e.commit_seq == event.commit_seq]
            drafts = tuple(Draft(e.data, e.queue) for e in rest)
            done = Handling(body.attempt, "acknowledged", body.started_ns, body.finished_ns, drafts)
            found.append(Undone(keys.key(event.causation_seq), done))
    return found


@pytest.mark.parametrize("agent", AGENTS)
def test_what_is_not_on_the_log_yet_is_told_too_and_what_is_there_only_once(
    agent: str, events: list[Event]
) -> None:
    whole = Recollection(lambda from_seq: events[from_seq - 1 :]).recalled(agent)
    done = undone_of(events[: len(events)], agent)
    middle = next(e.commit_seq for e in events[len(events) // 2 :])
    on_log = Recollection(lambda from_seq: events[from_seq - 1 : middle])
    told = on_log.recalled(agent, lambda count: done[count:])
    assert (told.handled_count, told.free_ns) == (whole.handled_count, whole.free_ns)
    assert told.settled_keys == whole.settled_keys
    assert stopped(agent, told) == stopped(agent, whole)


def fact(seq: int, source: str, body: AgentStarted | TelemetryDismissed) -> Event:
    return Event(seq, seq * 10, body.TYPE, source, None, None, seq, seq, body)


def test_an_agent_that_was_started_again_starts_nothing_before_that() -> None:
    started = [
        fact(1, "witness", AgentStarted("witness", [])),
        fact(2, "witness", AgentStarted("witness", [], 1)),
    ]
    assert Recollection(lambda seq: started[seq - 1 : 1]).recalled("witness").free_ns == 0
    assert Recollection(lambda seq: started[seq - 1 :]).recalled("witness").free_ns == 20


def test_what_an_agent_says_that_changes_nothing_is_not_told() -> None:
    said = [fact(1, "witness", TelemetryDismissed("none", 0.9, 0.0))]
    assert Recollection(lambda seq: said[seq - 1 :]).recalled("witness") == Recalled()


def test_every_key_is_told_of_which_a_copy_may_still_come() -> None:
    done = [Undone(f"k{n}", Handling(1, "acknowledged", n, n)) for n in range(SETTLED_KEYS_MAX + 5)]
    told = Recollection(lambda seq: ()).recalled("witness", lambda count: done)
    assert told.settled_keys == tuple(f"k{n}" for n in range(SETTLED_KEYS_MAX + 5))
