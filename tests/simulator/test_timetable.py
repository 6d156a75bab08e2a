"""Timetable: what happens in which order at one moment, and when it is over."""

from hypothesis import given
from hypothesis import strategies as st

from simulator.timetable import PRIORITY_AGENT, PRIORITY_WORKLOAD, Timer, Timetable


def drain(table: Timetable, count: int) -> list[int]:
    times = []
    for _ in range(count):
        time_ns, act = table.pop()
        act(time_ns)
        times.append(time_ns)
    return times


def test_at_one_moment_acts_come_first_then_timers_workload_agents_and_facts() -> None:
    table, done = Timetable(), list[str]()
    table.after(5, lambda at_ns: done.append("fact"))
    table.push((5, PRIORITY_AGENT, 1), lambda at_ns: done.append("agent"))
    table.push((5, PRIORITY_WORKLOAD, 1), lambda at_ns: done.append("workload"))
    table.every(Timer(10, lambda at_ns: done.append("timer")), 5, 0)
    table.at(5, lambda at_ns: done.append("act"))
    assert drain(table, 5) == [5] * 5
    assert done == ["act", "timer", "workload", "agent", "fact"]


@given(st.lists(st.tuples(st.sampled_from(["at", "after"]), st.integers(0, 5)), max_size=20))
def test_entries_of_a_kind_at_one_moment_keep_the_order_of_the_calls(calls: list[tuple[str, int]]) -> None:
    table, done = Timetable(), list[tuple[int, str, int]]()
    for number, (kind, at_ns) in enumerate(calls):
        enter = table.at if kind == "at" else table.after
        enter(at_ns, lambda now_ns, kind=kind, number=number: done.append((now_ns, kind, number)))  # type: ignore[misc]
    drain(table, len(calls))
    assert done == sorted(done, key=lambda one: (one[0], one[1] == "after", one[2]))


def test_timers_come_again_and_again_and_keep_their_order() -> None:
    table, done = Timetable(), list[tuple[str, int]]()
    for ordinal, (name, interval_ns) in enumerate((("slow", 20), ("fast", 10))):
        timer = Timer(interval_ns, lambda at_ns, name=name: done.append((name, at_ns)))  # type: ignore[misc]
        table.every(timer, 0, ordinal)
    drain(table, 5)
    assert done == [("slow", 0), ("fast", 0), ("fast", 10), ("slow", 20), ("fast", 20)]


def test_it_is_quiet_before_its_first_entry_and_over_when_none_is_left_before_the_end() -> None:
    table = Timetable()
    assert table.is_quiet_before((0, 0, 0))
    assert table.is_over(0)
    table.push((7, 3, 2), lambda at_ns: None)
    assert table.is_quiet_before((7, 3, 1))
    assert table.is_quiet_before((7, 3, 2))
    assert not table.is_quiet_before((7, 3, 3))
    assert not table.is_over(8)
    assert table.is_over(7)
