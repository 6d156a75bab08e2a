"""Which rules are part of a run, with every moment in bus time. Must not say what a rule does."""

from collections.abc import Iterable

from simulator.faults.kinds import KINDS, MODEL_KINDS, PACE_KINDS
from simulator.faults.rules import ActiveRule, FaultRule, FaultSettings, Window
from simulator.faults.schedule import moments_ns, rule_stream_name, windows_of
from simulator.streams import Streams


def active_rules(faults: FaultSettings, seed: int, start_ns: int) -> tuple[ActiveRule, ...]:
    """The rules that are part of the run with this seed, in the order of the scenario.

    Swarm testing: each rule is part with the probability ``swarm_share``, so that runs differ in their mix
    and not only in their moments. A. Groce et al., "Swarm Testing", ISSTA 2012.
    """
    if faults.heal_at is None:
        return ()
    streams = Streams(seed)
    heal_ns = start_ns + faults.heal_at
    return tuple(
        _active(name, rule, streams, start_ns, heal_ns)
        for name, rule in faults.rules.items()
        if streams.stream(rule_stream_name(name), "swarm").random() < faults.swarm_share
    )


def rules_of_agent(rules: Iterable[ActiveRule], agent: str) -> tuple[ActiveRule, ...]:
    """Those that are asked where the agent runs: on its models, its speed and its clock."""
    return tuple(
        rule
        for rule in rules
        if rule.kind in MODEL_KINDS or (rule.kind in PACE_KINDS and rule.agent in (None, agent))
    )


def _active(name: str, rule: FaultRule, streams: Streams, start_ns: int, heal_ns: int) -> ActiveRule:
    fired_ns = moments_ns(name, rule, streams, start_ns, heal_ns)
    has_moments = KINDS[rule.kind].firing == "moments"
    return ActiveRule(
        name=name,
        kind=rule.kind,
        windows=() if has_moments else _windows(rule, fired_ns, start_ns, heal_ns),
        rate=1.0 if rule.rate is None else rule.rate,
        moments_ns=fired_ns if has_moments else (),
        queue=rule.queue,
        source=rule.source,
        agent=rule.agent,
        tier=rule.tier,
        direction=rule.direction or "both",
        delay_ns=int(rule.delay or 0),
        factor=1.0 if rule.factor is None else rule.factor,
        offset_ns=int(rule.offset or 0),
        count=rule.count or 0,
        retry_after_ns=int(rule.retry_after or 0),
    )


def _windows(rule: FaultRule, fired_ns: tuple[int, ...], start_ns: int, heal_ns: int) -> tuple[Window, ...]:
    if rule.rate is None:
        return windows_of(fired_ns, int(rule.lasts or 0), heal_ns)
    from_ns = start_ns + (rule.from_ or 0)
    until_ns = heal_ns if rule.until is None else min(start_ns + rule.until, heal_ns)
    return (Window(from_ns, until_ns),) if from_ns < until_ns else ()
