"""Revival: an agent that dies is started again, told what it knew, and owes what it owed."""

from functools import partial
from time import sleep

import pytest

from bus.bodies import PatternLearned
from bus.events import Recalled
from bus.sequencer import ListLog, Sequencer
from simulator import compose
from simulator.engine import Engine
from simulator.recollection import Recollection
from simulator.roles import AGENTS
from tests.simulator.builders import delivery, driver_of, events_of, json_of, soak_log
from tests.simulator.mortal_threads import MortalDriver, last_words
from tests.simulator.test_drivers import SOAK, build, nothing_recalled

LESSON = PatternLearned("p1", "duplication", "m", True, 1, 0.5, 0.6)


@pytest.fixture(scope="module")
def expected() -> list[bytes]:
    return json_of(soak_log(SOAK))


def test_what_an_agent_said_before_it_was_ended_is_not_heard_any_more() -> None:
    driver = MortalDriver(dict.fromkeys(AGENTS, b"{}"), build, nothing_recalled)
    driver.submit("witness", [delivery(1)])
    sleep(0.3)  # its answer is on the way
    driver.freeze("witness")
    driver.end("witness")
    driver.submit("executor", [delivery(1)])
    assert driver.collect().agent == "executor"
    assert driver.threads.spawned == list(AGENTS)
    driver.restart("witness", Recalled())
    driver.submit("witness", [delivery(2)])
    assert driver.collect().attempts[0][0].started_ns == delivery(2).arrived_ns
    driver.end_all()


def test_an_agent_that_is_told_nothing_by_order_is_told_nothing_when_it_dies_on_the_way_up() -> None:
    told = Recalled(handled_count=3, bodies=(LESSON,))
    driver = MortalDriver(dict.fromkeys(AGENTS, b"{}"), build, lambda agent: told)
    driver.end("witness")
    driver.server.asked = lambda: driver.threads.die("witness") if len(driver.threads.spawned) == 4 else None
    assert driver.restart("witness", Recalled()) == 0
    assert driver.threads.spawned[3:] == ["witness", "witness"]
    driver.end_all()


@pytest.mark.parametrize("every", [3, 7])
def test_agents_that_die_again_and_again_leave_no_trace_in_the_log(every: int, expected: list[bytes]) -> None:
    log = ListLog()
    recollection = Recollection(lambda from_seq: events_of(log)[from_seq - 1 :])
    engines: list[Engine] = []
    asked = 0

    def recalled(agent: str) -> Recalled:
        if not engines:
            return Recalled()
        return recollection.recalled(agent, partial(engines[0].undone, agent))

    def die() -> None:
        nonlocal asked
        asked += 1
        if engines and asked % every == 0:
            driver.threads.die(AGENTS[asked // every % 3])

    driver = MortalDriver(dict.fromkeys(AGENTS, b"{}"), build, recalled)
    driver.server.asked = die
    engines.append(compose.engine_of(SOAK, Sequencer(log), driver))
    assert engines[0].run(lambda: False)
    driver.server.asked = lambda: None
    assert json_of(log) == expected
    assert len(driver.threads.spawned) > 3
    undisturbed = driver_of(SOAK)
    soak_log(SOAK, undisturbed)
    assert last_words(driver) == [word.state for word in undisturbed.stop()]
    driver.end_all()
