"""An agent that is slow, and a clock that is wrong. Must not keep anything between two questions."""

from collections.abc import Iterable

from agents.pace import Paced
from bus.bodies import FaultInjected
from simulator.faults.kinds import PACE_KINDS
from simulator.faults.rules import ActiveRule
from simulator.faults.schedule import strikes, window_at
from simulator.streams import Streams


class FaultyPace:
    """The :class:`agents.pace.Pace` of one agent: the first rule that strikes decides.

    ``clock_jump``: the clock is off by the rule's offset as long as the window lasts. ``clock_skew``: it runs
    too fast or too slow, so that it is off by nothing when the window begins and by the whole offset when it
    ends. A clock that is set right again is right.
    """

    def __init__(self, rules: Iterable[ActiveRule], streams: Streams, agent: str) -> None:
        mine = [rule for rule in rules if rule.kind in PACE_KINDS and rule.agent in (None, agent)]
        self._agent = agent
        self._streams = streams
        self._slowing = [rule for rule in mine if rule.kind in ("slow", "slow_consumer")]
        self._clock = [rule for rule in mine if rule.kind in ("clock_skew", "clock_jump")]

    def clock(self, key: str, started_ns: int) -> Paced:
        for rule in self._clock:
            offset_ns = _offset_ns(rule, started_ns)
            if offset_ns:
                # A clock shows no moment before 1970.
                shown_ns = max(0, started_ns + offset_ns)
                return Paced(shown_ns, (FaultInjected(rule.name, rule.kind, self._agent, abs(offset_ns)),))
        return Paced(started_ns)

    def service(self, key: str, queue: str | None, started_ns: int, service_ns: int) -> Paced:
        for rule in self._slowing:
            if rule.queue in (None, queue) and strikes(rule, self._streams, key, started_ns):
                slowed_ns = max(service_ns, int(service_ns * rule.factor))
                target = rule.queue or self._agent
                fault = FaultInjected(rule.name, rule.kind, target, slowed_ns - service_ns)
                return Paced(slowed_ns, (fault,))
        return Paced(service_ns)


def _offset_ns(rule: ActiveRule, time_ns: int) -> int:
    window = window_at(rule.windows, time_ns)
    if window is None:
        return 0
    if rule.kind == "clock_jump":
        return rule.offset_ns
    return rule.offset_ns * (time_ns - window.start_ns) // (window.end_ns - window.start_ns)
