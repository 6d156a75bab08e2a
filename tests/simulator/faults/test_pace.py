"""FaultyPace: slow agents are slower, wrong clocks are wrong, and both are told."""

import pytest

from agents.pace import Paced
from bus.bodies import FaultInjected
from simulator.faults.pace import FaultyPace
from simulator.faults.rules import ActiveRule, Window
from simulator.streams import Streams
from tests.simulator.faults.builders import rule

WINDOW = (Window(1000, 2000),)


def pace(*rules: ActiveRule, agent: str = "witness") -> FaultyPace:
    return FaultyPace(rules, Streams(1), agent)


def test_a_slow_agent_takes_as_many_times_as_long_as_the_rule_says() -> None:
    slow = pace(rule("slow", agent="witness", factor=2.5, windows=WINDOW))
    fault = FaultInjected("r", "slow", "witness", 150)
    assert slow.service("k", "telemetry_stream", 1000, 100) == Paced(250, (fault,))
    assert slow.service("k", None, 2000, 100) == Paced(100)
    assert slow.clock("k", 1000) == Paced(1000)


def test_a_slow_consumer_is_slow_with_its_queue_alone() -> None:
    slow = pace(rule("slow_consumer", queue="feedback_queue", factor=3.0))
    fault = FaultInjected("r", "slow_consumer", "feedback_queue", 20)
    assert slow.service("k", "feedback_queue", 5, 10) == Paced(30, (fault,))
    assert slow.service("k", "telemetry_stream", 5, 10) == Paced(10)


def test_a_rule_about_another_agent_changes_nothing() -> None:
    others = pace(
        rule("slow", agent="executor", factor=9.0), rule("clock_jump", agent="executor", offset_ns=5)
    )
    assert others.service("k", None, 5, 10) == Paced(10)
    assert others.clock("k", 5) == Paced(5)


def test_a_rate_hits_its_share_of_the_attempts() -> None:
    sometimes = pace(rule("slow", agent="witness", factor=2.0, rate=0.3))
    slowed = sum(sometimes.service(f"k{n}", None, 5, 10).value_ns == 20 for n in range(1000))
    assert slowed / 1000 == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("offset_ns", [500, -500])
def test_a_clock_that_jumped_is_wrong_by_its_offset_until_it_is_set_right(offset_ns: int) -> None:
    jumped = pace(rule("clock_jump", agent="witness", offset_ns=offset_ns, windows=WINDOW))
    fault = FaultInjected("r", "clock_jump", "witness", 500)
    shown = [jumped.clock("k", time_ns) for time_ns in (999, 1000, 1999, 2000)]
    assert shown == [
        Paced(999),
        Paced(1000 + offset_ns, (fault,)),
        Paced(1999 + offset_ns, (fault,)),
        Paced(2000),
    ]


@pytest.mark.parametrize(("offset_ns", "sign"), [(100, 1), (-100, -1)])
def test_a_skewed_clock_is_wrong_by_more_and_more(offset_ns: int, sign: int) -> None:
    skewed = pace(rule("clock_skew", agent="witness", offset_ns=offset_ns, windows=WINDOW))
    shown = [skewed.clock("k", time_ns) for time_ns in (1000, 1010, 1500, 1990, 2000)]
    off_by = [
        paced.value_ns - time_ns for paced, time_ns in zip(shown, (1000, 1010, 1500, 1990, 2000), strict=True)
    ]
    assert off_by == [0, sign, sign * 50, sign * 99, 0]
    assert [len(paced.faults) for paced in shown] == [0, 1, 1, 1, 0]


def test_a_clock_shows_no_moment_before_1970() -> None:
    assert pace(rule("clock_jump", agent="witness", offset_ns=-900)).clock("k", 5).value_ns == 0
