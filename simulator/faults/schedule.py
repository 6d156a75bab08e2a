"""When a rule fires: its moments and its windows, from its schedule and its own stream.

Must not know what it does then.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from simulator.duration import NS_PER_UNIT
from simulator.faults.rules import ActiveRule, FaultRule, Window
from simulator.streams import Streams


def rule_stream_name(rule: str) -> str:
    """Each rule draws from streams of this name only, so no rule shifts what another one draws."""
    return f"fault/{rule}"


def moments_ns(name: str, rule: FaultRule, streams: Streams, start_ns: int, heal_ns: int) -> tuple[int, ...]:
    """When a rule with ``at`` or ``per_day`` fires: in order, each once, after the start and before healing.

    Gaps of ``per_day`` are exponential (a Poisson process), and at least one nanosecond.
    """
    if rule.at is not None:
        return tuple(sorted({start_ns + ns for ns in rule.at if start_ns + ns < heal_ns}))
    if rule.per_day is None:
        return ()
    gaps = streams.stream(rule_stream_name(name), "schedule")
    per_ns = rule.per_day / NS_PER_UNIT["d"]
    drawn: list[int] = []
    time_ns = start_ns + 1 + int(gaps.expovariate(per_ns))
    while time_ns < heal_ns:
        drawn.append(time_ns)
        time_ns += 1 + int(gaps.expovariate(per_ns))
    return tuple(drawn)


def windows_of(fired_ns: Iterable[int], lasts_ns: int, heal_ns: int) -> tuple[Window, ...]:
    """A window from each moment, which must be in order; windows that overlap or touch become one.

    None goes on when the run has healed.
    """
    windows: list[Window] = []
    for start_ns in fired_ns:
        end_ns = min(start_ns + lasts_ns, heal_ns)
        if windows and start_ns <= windows[-1].end_ns:
            windows[-1] = Window(windows[-1].start_ns, max(windows[-1].end_ns, end_ns))
        elif start_ns < end_ns:
            windows.append(Window(start_ns, end_ns))
    return tuple(windows)


def window_at(windows: Sequence[Window], time_ns: int) -> Window | None:
    """The window in which a moment lies."""
    index = bisect_right(windows, time_ns, key=_start_ns) - 1
    if index < 0 or time_ns >= windows[index].end_ns:
        return None
    return windows[index]


def strikes(rule: ActiveRule, streams: Streams, key: str, time_ns: int) -> bool:
    """Whether a rule hits what has this key at this moment; drawn from the rule's stream of the key."""
    if window_at(rule.windows, time_ns) is None:
        return False
    return rule.rate >= 1.0 or streams.stream(rule_stream_name(rule.name), key).random() < rule.rate


def _start_ns(window: Window) -> int:
    return window.start_ns
