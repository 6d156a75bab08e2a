"""Links that drop, copy, delay, corrupt and part, and a sequencer that sends again until it is through.

Must not keep anything between two questions.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bus.bodies import DeliveryDeadLettered, DeliveryRedelivered, FaultInjected
from bus.events import Draft
from simulator.faults.corruption import is_accepted, sealed_delivery, with_flipped_bit
from simulator.faults.kinds import LINK_KINDS
from simulator.faults.rules import ActiveRule, Direction
from simulator.faults.schedule import rule_stream_name, strikes, window_at
from simulator.links import Fact, Passage
from simulator.streams import Streams

BACKOFF_DOUBLINGS_MAX = 4
"""The wait for an acknowledgement is doubled so often: up to 16 times the first."""
COPY_DELAY_NS_MIN = 1_000_000
LOSING_KINDS = frozenset({"drop", "corrupt", "partition"})


class Redelivery(NamedTuple):
    """How the sequencer sends again what nothing acknowledged."""

    timeout_ns: int
    redeliveries_max: int

    def wait_ns(self, redelivery: int) -> int:
        """How long it waits before this one, counted from 1."""
        return self.timeout_ns << min(redelivery - 1, BACKOFF_DOUBLINGS_MAX)


class FaultyLinks:
    """The :class:`simulator.links.Links` of a run with fault rules.

    Delivery is at least once: a lost copy is sent again, from the log, and each time the rules are asked
    again, under ``key#n``. Rules are asked in the order of the scenario, and the first that strikes decides.
    ``consumers`` says whose link a queue uses.
    """

    def __init__(
        self,
        rules: Iterable[ActiveRule],
        streams: Streams,
        consumers: Mapping[str, str],
        redelivery: Redelivery,
    ) -> None:
        links = [rule for rule in rules if rule.kind in LINK_KINDS]
        self._streams = streams
        self._redelivery = redelivery
        self._rules_of_queue = {
            queue: [rule for rule in links if rule.queue == queue or _parts(rule, consumer, "to_agent")]
            for queue, consumer in consumers.items()
        }
        self._rules_of_agent = {
            agent: [rule for rule in links if _parts(rule, agent, "from_agent")]
            for agent in consumers.values()
        }

    def deliver(self, key: str, source: str, queue: str, sent_ns: int, arrived_ns: int) -> Passage:
        transit_ns = arrived_ns - sent_ns
        facts: list[Fact] = []
        time_ns = sent_ns
        for resends in range(self._redelivery.redeliveries_max + 1):
            copy_key = f"{key}#{resends}" if resends else key
            rule = self._striking(copy_key, source, queue, time_ns)
            if rule is None:
                return Passage((time_ns + transit_ns,), tuple(facts))
            if rule.kind not in LOSING_KINDS:
                return self._passed(rule, copy_key, queue, time_ns, time_ns + transit_ns, facts)
            facts.append(self._lost(rule, copy_key, queue, time_ns, time_ns + transit_ns))
            time_ns += self._redelivery.wait_ns(resends + 1)
            facts.append(self._sent_again(queue, resends + 1, time_ns))
        return Passage((), tuple(facts))

    def answer(self, key: str, agent: str, attempt: int, sent_ns: int) -> Passage:
        rules = self._rules_of_agent.get(agent, [])
        time_ns, resends = sent_ns, 0
        first = parting = _parting(rules, time_ns)
        while parting is not None:
            # A partition ends when the run heals at the latest, so this does too.
            resends += 1
            time_ns += self._redelivery.wait_ns(resends)
            parting = _parting(rules, time_ns)
        if first is None:
            return Passage((sent_ns,))
        return Passage((time_ns,), (_injected(first, agent, sent_ns, time_ns - sent_ns),))

    def _striking(self, key: str, source: str, queue: str, time_ns: int) -> ActiveRule | None:
        for rule in self._rules_of_queue[queue]:
            if rule.source in (None, source) and strikes(rule, self._streams, key, time_ns):
                return rule
        return None

    def _lost(self, rule: ActiveRule, key: str, queue: str, time_ns: int, arrived_ns: int) -> Fact:
        """The copy does not get through."""
        if rule.kind == "corrupt":
            stream = self._streams.stream(rule_stream_name(rule.name), f"{key}/bit")
            damaged = with_flipped_bit(sealed_delivery(key, queue, time_ns, arrived_ns), stream)
            assert not is_accepted(damaged), f"a receiver took {damaged!r} for a delivery"
        window = window_at(rule.windows, time_ns) if rule.kind == "partition" else None
        return _injected(rule, queue, time_ns, 0 if window is None else window.end_ns - time_ns)

    def _passed(
        self, rule: ActiveRule, key: str, queue: str, time_ns: int, arrived_ns: int, facts: list[Fact]
    ) -> Passage:
        """The copy gets through, late or twice."""
        later_ns = self._drawn_delay_ns(rule, key)
        facts.append(_injected(rule, queue, time_ns, later_ns))
        if rule.kind == "duplicate":
            return Passage((arrived_ns, arrived_ns + later_ns), tuple(facts))
        return Passage((arrived_ns + later_ns,), tuple(facts))

    def _drawn_delay_ns(self, rule: ActiveRule, key: str) -> int:
        if rule.kind == "delay":
            return rule.delay_ns
        stream = self._streams.stream(rule_stream_name(rule.name), f"{key}/delay")
        if rule.kind == "reorder":
            return stream.randint(1, rule.delay_ns)
        return stream.randint(COPY_DELAY_NS_MIN, self._redelivery.timeout_ns)

    def _sent_again(self, queue: str, redelivery: int, time_ns: int) -> Fact:
        """Or given up, at the moment when it would be sent once too often."""
        most = self._redelivery.redeliveries_max
        if redelivery > most:
            reason = f"nothing acknowledged it, nor any of its {most} redeliveries"
            body = DeliveryDeadLettered(queue, 0, reason, "redeliveries_max")
            return Fact(time_ns, Draft(body))
        waited_s = self._redelivery.wait_ns(redelivery) / 1e9
        reason = f"nothing acknowledged it within {waited_s:g} s"
        return Fact(time_ns, Draft(DeliveryRedelivered(queue, redelivery, reason)))


def _parts(rule: ActiveRule, agent: str, direction: Direction) -> bool:
    return rule.kind == "partition" and rule.agent == agent and rule.direction in ("both", direction)


def _parting(rules: Iterable[ActiveRule], time_ns: int) -> ActiveRule | None:
    return next((rule for rule in rules if window_at(rule.windows, time_ns) is not None), None)


def _injected(rule: ActiveRule, target: str, time_ns: int, lasts_ns: int) -> Fact:
    return Fact(time_ns, Draft(FaultInjected(rule.name, rule.kind, target, lasts_ns)))
