"""Streams, durations, amounts, budget monitor, virtual clock: the small parts of the simulator."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.bodies import BudgetThresholdCrossed, ModelCalled
from bus.errors import InputError
from bus.events import Event
from simulator.clock import VirtualClock
from simulator.duration import DURATION_NS_MAX, Duration, parse_usd
from simulator.monitors import BudgetMonitor
from simulator.streams import Streams

HOUR_NS = 3_600 * 10**9
USD = 10**9


def numbers(streams: Streams, subsystem: str, entity: str = "") -> list[float]:
    stream = streams.stream(subsystem, entity)
    return [stream.random() for _ in range(5)]


def test_the_same_name_gives_the_same_numbers_whatever_else_was_drawn() -> None:
    streams = Streams(1)
    expected = numbers(streams, "workload", "noise")
    numbers(streams, "model", "k")
    assert numbers(streams, "workload", "noise") == expected == numbers(Streams(1), "workload", "noise")


def test_streams_of_other_seeds_subsystems_and_entities_are_other_streams() -> None:
    names = [
        (seed, subsystem, entity)
        for seed in (0, 1, 11)
        for subsystem in ("a", "b")
        for entity in ("", "a", "1")
    ]
    drawn = [tuple(numbers(Streams(seed), subsystem, entity)) for seed, subsystem, entity in names]
    assert len(set(drawn)) == len(names)


def test_a_stream_is_the_one_that_old_logs_were_made_with() -> None:
    assert numbers(Streams(1), "workload", "incidents")[:2] == [0.6282324240080537, 0.8855170307894322]


@pytest.mark.parametrize(
    ("text", "bare_unit", "expected_ns"),
    [
        ("24h", None, 24 * HOUR_NS),
        ("90s", None, 90 * 10**9),
        ("1.5m", None, 90 * 10**9),
        (" 7 d ", None, 7 * 24 * HOUR_NS),
        ("5ms", None, 5_000_000),
        ("2", "h", 2 * HOUR_NS),
        ("30", "m", HOUR_NS // 2),
        ("90m", "h", HOUR_NS * 3 // 2),
        ("3660d", None, DURATION_NS_MAX),
    ],
)
def test_a_duration_is_read_as_people_write_it(text: str, bare_unit: str | None, expected_ns: int) -> None:
    assert Duration.parse(text, bare_unit) == expected_ns


@pytest.mark.parametrize(
    "text",
    ["", "h", "24", "-1h", "+1h", "1y", "1 h 30 m", "1e3s", "٣h", "1h\n2h", "nan", "1,5h", "0x10s", "1H"],
)
def test_what_is_no_duration_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(InputError, match="is not a duration; write a number and a unit like 90s"):
        Duration.parse(text)


@pytest.mark.parametrize("text", ["0h", "0.0s", "0.000000001ms", "3661d", "999999999d"])
def test_a_duration_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="out of range"):
        Duration.parse(text)


@given(
    st.integers(1, DURATION_NS_MAX)
    | st.integers(1, DURATION_NS_MAX // HOUR_NS).map(lambda hours: hours * HOUR_NS)
    | st.integers(1, 10**6)
)
def test_what_a_duration_prints_is_the_same_duration(ns: int) -> None:
    assert Duration.parse(str(Duration(ns))) == ns


@pytest.mark.parametrize(
    ("ns", "text"), [(24 * HOUR_NS, "24h"), (7 * 24 * HOUR_NS, "7d"), (90 * 10**9, "90s"), (5_000_000, "5ms")]
)
def test_a_duration_prints_in_the_largest_unit_that_people_would_use(ns: int, text: str) -> None:
    assert str(Duration(ns)) == text


@given(st.decimals(0, 10**9, places=9))
def test_dollars_become_whole_nano_dollars(usd: Decimal) -> None:
    assert parse_usd(str(usd)) == int(usd * USD)


@pytest.mark.parametrize("text", ["", "ten", "$10", "1.0.0", "10 USD"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not an amount in dollars"):
        parse_usd(text)


@pytest.mark.parametrize("text", ["-0.01", "-5", "1000000001", "1e400", "nan", "sNaN", "inf", "-inf"])
def test_an_amount_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="out of range"):
        parse_usd(text)


def call(cost_nanousd: int) -> Event:
    body = ModelCalled("1", "plan", "mock", "m", "local", "ok", 1, 1, 1, 0, cost_nanousd, "", "")  # type: ignore[arg-type]
    return Event(1, 1, body.TYPE, "architect", None, None, 1, 1, body)


def crossed(monitor: BudgetMonitor, cost_nanousd: int) -> list[int]:
    bodies = [draft.data for draft in monitor.observe(call(cost_nanousd))]
    assert all(isinstance(body, BudgetThresholdCrossed) for body in bodies)
    return [body.percent for body in bodies if isinstance(body, BudgetThresholdCrossed)]


def test_each_threshold_of_the_budget_is_crossed_once_at_its_exact_amount() -> None:
    monitor = BudgetMonitor(1000)
    assert [crossed(monitor, cost) for cost in (499, 1, 0, 249, 1, 149, 1, 99, 1, 500)] == [
        [], [50], [], [], [75], [], [90], [], [100], [],
    ]  # fmt: skip


def test_one_call_may_cross_several_thresholds() -> None:
    monitor = BudgetMonitor(1000)
    drafts = monitor.observe(call(901))
    assert [draft.data for draft in drafts] == [BudgetThresholdCrossed(p, 901, 1000) for p in (50, 75, 90)]
    assert {draft.queue for draft in drafts} == {None}


def test_a_budget_of_nothing_has_no_thresholds() -> None:
    assert crossed(BudgetMonitor(0), 0) == []


@given(st.lists(st.integers(0, 400), max_size=20), st.integers(1, 1000))
def test_the_thresholds_that_were_crossed_are_those_of_the_sum(costs: list[int], budget: int) -> None:
    monitor = BudgetMonitor(budget)
    found = [percent for cost in costs for percent in crossed(monitor, cost)]
    assert found == [
        percent for percent in (50, 75, 90, 100) if costs and sum(costs) * 100 >= percent * budget
    ]


def test_bus_time_stands_still_or_goes_forward_and_never_back() -> None:
    clock = VirtualClock(10)
    clock.advance(10)
    clock.advance(15)
    with pytest.raises(AssertionError, match="cannot go back"):
        clock.advance(14)
    assert clock.now_ns == 15
