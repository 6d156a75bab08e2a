"""What the values of a scenario must be beyond their types. Must not read files."""

import re
from collections.abc import Iterator
from typing import NamedTuple, get_args

from bus.bodies import PatternKind
from simulator.errors import ScenarioError
from simulator.moment import parse_moment_ns
from simulator.roles import ROLES
from simulator.scenario import Scenario

SEED_MAX = 2**63 - 1
NOISE_PER_HOUR_MAX = 1_000_000.0
BUDGET_USD_MAX = 1_000_000_000.0
EVENT_INTERVAL_NS_MIN = 1_000_000
WAIT_NS_MAX = 7 * 86_400 * 1_000_000_000
"""Of a delay or a backoff: a run goes on until nothing is on its way."""
INTERVAL_NS_MIN = 1_000_000_000
"""Of what happens however little there is to do; a shorter one would fill the log with it."""
SEGMENT_BYTES_MIN = 1 << 20
ATTEMPTS_MAX = 10
MODEL_NUMBER_MAX = 1_000_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Rule(NamedTuple):
    key: str
    value: object
    holds: bool
    demand: str


def check_scenario(scenario: Scenario, place: str) -> None:
    """Check every value; ``place`` names the scenario in errors.

    Raises:
        ScenarioError: a value is out of range; the message has its key.
    """
    for rules in (_rules, _queue_rules, _model_rules, _share_rules):
        for rule in rules(scenario):
            if not rule.holds:
                raise ScenarioError(f"{place}: {rule.key} {rule.demand}, not {rule.value!r}; mend the value")


def _rules(s: Scenario) -> Iterator[Rule]:
    yield Rule("name", s.name, bool(_NAME.fullmatch(s.name)), "is letters, digits, dot, dash and underscore")
    yield Rule("seed", s.seed, 0 <= s.seed <= SEED_MAX, "is from 0 to 2^63 - 1")
    yield Rule("start", s.start, _is_moment(s.start), "is a moment like 2025-10-01T00:00:00Z, 1970 to 2199")
    yield _between("workload.noise_per_hour", s.workload.noise_per_hour, 0.0, NOISE_PER_HOUR_MAX)
    interval = s.workload.event_interval
    yield Rule("workload.event_interval", str(interval), interval >= EVENT_INTERVAL_NS_MIN, "is at least 1ms")
    for name in ("snapshot", "metrics", "heartbeat"):
        every = getattr(s.intervals, name)
        yield Rule(f"intervals.{name}", str(every), every >= INTERVAL_NS_MIN, "is at least 1s")
    yield Rule("retry.backoff", str(s.retry.backoff), s.retry.backoff <= WAIT_NS_MAX, "is at most 7d")
    yield _between("retry.attempts_max", s.retry.attempts_max, 1, ATTEMPTS_MAX)
    least = SEGMENT_BYTES_MIN
    yield Rule(
        "limits.segment_bytes",
        s.limits.segment_bytes,
        s.limits.segment_bytes >= least,
        f"is at least {least}",
    )
    thresholds = s.witness.thresholds
    kinds = get_args(PatternKind)
    demand = f"has one for each of {', '.join(kinds)}"
    yield Rule("witness.thresholds", sorted(thresholds), set(thresholds) == set(kinds), demand)
    for kind, threshold in thresholds.items():
        yield Rule(f"witness.thresholds.{kind}", threshold, 0 <= threshold < 1, "is from 0 to below 1")


def _queue_rules(s: Scenario) -> Iterator[Rule]:
    consumers = {queue: agent for agent, role in ROLES.items() for queue in role.consumes}
    needed = set(consumers)
    yield Rule("queues", sorted(s.queues), set(s.queues) == needed, f"are {', '.join(sorted(needed))}")
    for name, queue in s.queues.items():
        key, consumer = f"queues.{name}", consumers[name]
        yield Rule(f"{key}.consumer", queue.consumer, queue.consumer == consumer, f"is {consumer}")
        yield Rule(f"{key}.delay", str(queue.delay), queue.delay <= WAIT_NS_MAX, "is at most 7d")
        yield Rule(f"{key}.depth_max", queue.depth_max, queue.depth_max >= 1, "is at least 1")


def _model_rules(s: Scenario) -> Iterator[Rule]:
    yield Rule("models", sorted(s.models), set(s.models) == {"local", "cloud"}, "are local and cloud")
    for tier, model in s.models.items():
        key = f"models.{tier}"
        yield Rule(f"{key}.tier", model.tier, model.tier == tier, f"is {tier}")
        yield Rule(f"{key}.provider", model.provider, model.provider == "mock", "is mock")
        yield _between(f"{key}.input_nanousd_per_token", model.input_nanousd_per_token, 0, MODEL_NUMBER_MAX)
        yield _between(f"{key}.output_nanousd_per_token", model.output_nanousd_per_token, 0, MODEL_NUMBER_MAX)
        yield _between(f"{key}.first_token_ms", model.first_token_ms, 0, MODEL_NUMBER_MAX)
        yield _between(f"{key}.token_us", model.token_us, 0, MODEL_NUMBER_MAX)
        yield _between(f"{key}.timeout_ms", model.timeout_ms, 1, MODEL_NUMBER_MAX)
        yield _between(f"{key}.error_share", model.error_share, 0.0, 1.0)
        yield _between(f"{key}.timeout_share", model.timeout_share, 0.0, 1.0 - model.error_share)


def _share_rules(s: Scenario) -> Iterator[Rule]:
    yield _between("budget.total_usd", s.budget.total_usd, 0.0, BUDGET_USD_MAX)
    shares = s.budget.shares
    for agent, share in shares.items():
        yield Rule(f"budget.shares.{agent}", share, agent in ROLES, f"is for one of {', '.join(ROLES)}")
        yield _between(f"budget.shares.{agent}", share, 0.0, 1.0)
    yield Rule("budget.shares", shares, sum(shares.values()) <= 1.0 + 1e-9, "sum to at most 1")


def _between(key: str, value: float, low: float, high: float) -> Rule:
    """Not a number is between nothing."""
    return Rule(key, value, low <= value <= high, f"is from {low:g} to {high:g}")


def _is_moment(text: str) -> bool:
    try:
        parse_moment_ns(text)
    except ValueError:
        return False
    return True
