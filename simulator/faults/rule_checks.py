"""What fault rules must be beyond their types. Must not read files or raise an error."""

import re
from collections.abc import Iterator

from agents.settled import COPY_LATE_NS_MAX
from simulator.demand import Demand, between
from simulator.duration import NS_PER_UNIT, Duration
from simulator.faults.kinds import KINDS, KindSpec
from simulator.faults.rules import FaultRule, FaultSettings
from simulator.roles import ROLES
from simulator.scenario import Scenario
from simulator.workload import TELEMETRY_QUEUE

RULES_MAX = 100
MOMENTS_MAX = 10_000
"""How often a rule may fire in a run, as ``at`` lists it or ``per_day`` has it on average."""
PER_DAY_MAX = 100_000.0
FACTOR_MAX = 1_000.0
RESTARTS_FAILED_MAX = 100
REDELIVERIES_MAX = 1_000
REDELIVERY_TIMEOUT_NS_MIN = NS_PER_UNIT["s"]
REDELIVERY_TIMEOUT_NS_MAX = COPY_LATE_NS_MAX
"""A copy comes within it, and agents remember for so long what they settled."""
LASTS_NS_MAX = 7 * NS_PER_UNIT["d"]
"""Of a window, of a delay, and of the time to converge."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TARGETS = ("queue", "agent", "tier")
_PARAMETERS = ("source", "direction", "delay", "factor", "offset", "count", "retry_after")
_FIRING = ("rate", "at", "per_day")
_EXAMPLES = {
    "queue": '"telemetry_stream"',
    "agent": '"witness"',
    "tier": '"cloud"',
    "delay": '"2s"',
    "factor": "4.0",
    "offset": '"-1h"',
    "count": "2",
    "retry_after": '"20s"',
    "lasts": '"10m"',
}


def fault_demands(s: Scenario) -> Iterator[Demand]:
    """Everything that must hold for the tables of faults."""
    yield from _settings_demands(s)
    for name, rule in s.faults.rules.items():
        key = f"faults.rules.{name}"
        demand = "has a name of letters, digits, dot, dash and underscore; give it another one"
        yield Demand(key, None, bool(_NAME.fullmatch(name)), demand)
        yield from _key_demands(key, rule, KINDS[rule.kind])
        yield from _target_demands(key, rule)
        yield from _firing_demands(key, rule, KINDS[rule.kind])
        yield from _moment_demands(key, rule, s.faults)
        yield from _range_demands(key, rule)


def _settings_demands(s: Scenario) -> Iterator[Demand]:
    faults = s.faults
    if faults.rules:
        demand = 'is needed when there are rules: write when the run heals, like heal_at = "20h"'
        yield Demand("faults.heal_at", None, faults.heal_at is not None, demand)
    if faults.heal_at is not None:
        demand = f"is {faults.heal_at}, but the run is over at {s.duration}: heal earlier, or run for longer"
        yield Demand("faults.heal_at", None, faults.heal_at < s.duration, demand)
    within, timeout = faults.converge_within, faults.redelivery_timeout
    yield Demand("faults.converge_within", str(within), within <= LASTS_NS_MAX, "is at most 7d")
    is_short = REDELIVERY_TIMEOUT_NS_MIN <= timeout <= REDELIVERY_TIMEOUT_NS_MAX
    yield Demand("faults.redelivery_timeout", str(timeout), is_short, "is from 1s to 1h")
    yield between("faults.redeliveries_max", faults.redeliveries_max, 1, REDELIVERIES_MAX)
    yield between("faults.swarm_share", faults.swarm_share, 0.0, 1.0)
    count = len(faults.rules)
    yield Demand("faults.rules", f"{count} rules", count <= RULES_MAX, f"are at most {RULES_MAX}")


def _key_demands(key: str, rule: FaultRule, spec: KindSpec) -> Iterator[Demand]:
    """The keys that the kind needs are there, and no others."""
    for name in (*_TARGETS, *_PARAMETERS):
        is_given = getattr(rule, name) is not None
        if name in (spec.target, spec.needs):
            demand = f"is needed by a rule of kind {rule.kind}: write {name} = {_EXAMPLES[name]}"
            yield Demand(f"{key}.{name}", None, is_given, demand)
        elif name != spec.may:
            demand = f"has no meaning for a rule of kind {rule.kind}; take it out"
            yield Demand(f"{key}.{name}", None, not is_given, demand)


def _target_demands(key: str, rule: FaultRule) -> Iterator[Demand]:
    sources = _sources_of_queues()
    if rule.queue is not None:
        demand = f"is one of {', '.join(sources)}"
        yield Demand(f"{key}.queue", rule.queue, rule.queue in sources, demand)
    if rule.source is not None:
        known = sources.get(rule.queue or "", [])
        demand = f"publishes to {rule.queue}: it is {' or '.join(known)}"
        yield Demand(f"{key}.source", rule.source, rule.source in known, demand)
    if rule.agent is not None:
        yield Demand(f"{key}.agent", rule.agent, rule.agent in ROLES, f"is one of {', '.join(ROLES)}")


def _sources_of_queues() -> dict[str, list[str]]:
    sources: dict[str, list[str]] = {queue: [] for role in ROLES.values() for queue in role.consumes}
    sources[TELEMETRY_QUEUE].append("workload")
    for agent, role in ROLES.items():
        for queue in role.publishes:
            sources[queue].append(agent)
    return sources


def _firing_demands(key: str, rule: FaultRule, spec: KindSpec) -> Iterator[Demand]:
    """It is said once when the rule fires, in a way that its kind can."""
    ways = _FIRING if spec.firing == "share" else _FIRING[1:]
    given = [name for name in _FIRING if getattr(rule, name) is not None]
    examples = ['rate = 0.01, at = ["3h"] or per_day = 4.0', 'at = ["3h"] or per_day = 4.0']
    example = examples[0 if "rate" in ways else 1]
    yield Demand(key, None, bool(given), f"does not say when it fires: write {example}")
    for name in given:
        demand = f"has no meaning for a rule of kind {rule.kind}; write {example}"
        yield Demand(f"{key}.{name}", None, name in ways, demand)
    for name in given[1:]:
        demand = f"contradicts {given[0]}, which says when the rule fires too; take one of them out"
        yield Demand(f"{key}.{name}", None, False, demand)
    has_windows = "rate" not in given and spec.firing != "moments"
    if has_windows:
        demand = f"is needed beside {given[0]}: write lasts = {_EXAMPLES['lasts']}"
        yield Demand(f"{key}.lasts", None, rule.lasts is not None, demand)
    else:
        demand = "has no meaning beside rate" if "rate" in given else f"has no meaning for kind {rule.kind}"
        yield Demand(f"{key}.lasts", None, rule.lasts is None, f"{demand}; take it out")
    for name, value in (("from", rule.from_), ("until", rule.until)):
        demand = "belongs to a rule with rate; take it out"
        yield Demand(f"{key}.{name}", None, value is None or "rate" in given, demand)


def _moment_demands(key: str, rule: FaultRule, faults: FaultSettings) -> Iterator[Demand]:
    heal_at = faults.heal_at
    assert heal_at is not None, "it is demanded before the rules are looked at"
    below = f"is below heal_at, {heal_at}"
    for index, at in enumerate(rule.at or ()):
        yield Demand(f"{key}.at[{index}]", str(at), at < heal_at, below)
    if rule.at is not None:
        fits = 1 <= len(rule.at) <= MOMENTS_MAX
        yield Demand(f"{key}.at", f"{len(rule.at)} moments", fits, f"has 1 to {MOMENTS_MAX} moments")
    if rule.from_ is not None:
        yield Demand(f"{key}.from", str(rule.from_), rule.from_ < heal_at, below)
    if rule.until is not None:
        yield Demand(f"{key}.until", str(rule.until), rule.until <= heal_at, f"is at most heal_at, {heal_at}")
        is_later = rule.until > (rule.from_ or 0)
        yield Demand(f"{key}.until", str(rule.until), is_later, f"is above from, {rule.from_}")
    if rule.per_day is not None:
        is_finite = 0 < rule.per_day <= PER_DAY_MAX
        yield Demand(f"{key}.per_day", rule.per_day, is_finite, f"is above 0 and at most {PER_DAY_MAX:g}")
        days = heal_at / NS_PER_UNIT["d"]
        demand = f"lets the rule fire at most {MOMENTS_MAX} times until {heal_at} on average"
        yield Demand(f"{key}.per_day", rule.per_day, rule.per_day * days <= MOMENTS_MAX, demand)


def _range_demands(key: str, rule: FaultRule) -> Iterator[Demand]:
    for name in ("lasts", "delay", "retry_after"):
        value = getattr(rule, name)
        if isinstance(value, Duration):
            yield Demand(f"{key}.{name}", str(value), value <= LASTS_NS_MAX, "is at most 7d")
    if rule.rate is not None:
        yield Demand(f"{key}.rate", rule.rate, 0 < rule.rate <= 1, "is above 0 and at most 1")
    if rule.factor is not None:
        is_slower = 1 < rule.factor <= FACTOR_MAX
        yield Demand(f"{key}.factor", rule.factor, is_slower, f"is above 1 and at most {FACTOR_MAX:g}")
    if rule.count is not None:
        yield between(f"{key}.count", rule.count, 1, RESTARTS_FAILED_MAX)
