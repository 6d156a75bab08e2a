"""Fault rules for a run that is longer or shorter than its scenario. Must not add or drop a rule."""

from msgspec.structs import replace

from simulator.duration import Duration
from simulator.faults.rules import FaultRule, FaultSettings


def scaled(faults: FaultSettings, from_duration: Duration, to_duration: Duration) -> FaultSettings:
    """Every moment of the rules at the same share of the run; how long things last stays as it is."""
    if faults.heal_at is None or from_duration == to_duration:
        return faults

    def moved(moment: Duration) -> Duration:
        return Duration(moment * to_duration // from_duration)

    def moved_rule(rule: FaultRule) -> FaultRule:
        return replace(
            rule,
            at=None if rule.at is None else tuple(moved(at) for at in rule.at),
            from_=None if rule.from_ is None else moved(rule.from_),
            until=None if rule.until is None else moved(rule.until),
        )

    rules = {name: moved_rule(rule) for name, rule in faults.rules.items()}
    return replace(faults, heal_at=moved(faults.heal_at), rules=rules)
