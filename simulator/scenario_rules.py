"""What the values of a scenario must be beyond their types. Must not read files."""

import re
from collections.abc import Iterator
from typing import get_args

from bus.bodies import PatternKind
from simulator.demand import Demand, between
from simulator.errors import ScenarioError
from simulator.faults.rule_checks import fault_demands
from simulator.moment import parse_moment_ns
from simulator.roles import ROLES
from simulator.scenario import HASHING, Scenario, WitnessSettings

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
RESTARTS_MAX = 100
RESTART_WAIT_NS_MAX = 86_400 * 1_000_000_000
"""Of the waits of the supervisor."""
PATTERNS_MIN, PATTERNS_MAX = 100, 1_000_000
"""Of the memory; the prototypes have to fit."""
MODEL_NUMBER_MAX = 1_000_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_scenario(scenario: Scenario, place: str) -> None:
    """Check every value; ``place`` names the scenario in errors.

    Raises:
        ScenarioError: a value is out of range; the message has its key.
    """
    for demands in (
        _rules,
        _queue_rules,
        _model_rules,
        _share_rules,
        _supervision_rules,
        _learning_rules,
        fault_demands,
    ):
        for demand in demands(scenario):
            if not demand.holds:
                raise ScenarioError(f"{place}: {demand.text()}")


def _rules(s: Scenario) -> Iterator[Demand]:
    yield Demand(
        "name", s.name, bool(_NAME.fullmatch(s.name)), "is letters, digits, dot, dash and underscore"
    )
    yield Demand("seed", s.seed, 0 <= s.seed <= SEED_MAX, "is from 0 to 2^63 - 1")
    yield Demand("start", s.start, _is_moment(s.start), "is a moment like 2025-10-01T00:00:00Z, 1970 to 2199")
    yield between("workload.noise_per_hour", s.workload.noise_per_hour, 0.0, NOISE_PER_HOUR_MAX)
    yield between("workload.oblique_share", s.workload.oblique_share, 0.0, 1.0)
    interval = s.workload.event_interval
    yield Demand(
        "workload.event_interval", str(interval), interval >= EVENT_INTERVAL_NS_MIN, "is at least 1ms"
    )
    for name in ("snapshot", "metrics", "heartbeat"):
        every = getattr(s.intervals, name)
        yield Demand(f"intervals.{name}", str(every), every >= INTERVAL_NS_MIN, "is at least 1s")
    yield Demand("retry.backoff", str(s.retry.backoff), s.retry.backoff <= WAIT_NS_MAX, "is at most 7d")
    yield between("retry.attempts_max", s.retry.attempts_max, 1, ATTEMPTS_MAX)
    least = SEGMENT_BYTES_MIN
    yield Demand(
        "limits.segment_bytes",
        s.limits.segment_bytes,
        s.limits.segment_bytes >= least,
        f"is at least {least}",
    )
    thresholds = s.witness.thresholds
    kinds = get_args(PatternKind)
    demand = f"has one for each of {', '.join(kinds)}"
    yield Demand("witness.thresholds", sorted(thresholds), set(thresholds) == set(kinds), demand)
    for kind, threshold in thresholds.items():
        yield Demand(f"witness.thresholds.{kind}", threshold, 0 <= threshold < 1, "is from 0 to below 1")


def _queue_rules(s: Scenario) -> Iterator[Demand]:
    consumers = {queue: agent for agent, role in ROLES.items() for queue in role.consumes}
    needed = set(consumers)
    yield Demand("queues", sorted(s.queues), set(s.queues) == needed, f"are {', '.join(sorted(needed))}")
    for name, queue in s.queues.items():
        key, consumer = f"queues.{name}", consumers[name]
        yield Demand(f"{key}.consumer", queue.consumer, queue.consumer == consumer, f"is {consumer}")
        yield Demand(f"{key}.delay", str(queue.delay), queue.delay <= WAIT_NS_MAX, "is at most 7d")
        yield Demand(f"{key}.depth_max", queue.depth_max, queue.depth_max >= 1, "is at least 1")


def _model_rules(s: Scenario) -> Iterator[Demand]:
    yield Demand("models", sorted(s.models), set(s.models) == {"local", "cloud"}, "are local and cloud")
    for tier, model in s.models.items():
        key = f"models.{tier}"
        yield Demand(f"{key}.tier", model.tier, model.tier == tier, f"is {tier}")
        yield Demand(f"{key}.provider", model.provider, model.provider == "mock", "is mock")
        yield between(f"{key}.input_nanousd_per_token", model.input_nanousd_per_token, 0, MODEL_NUMBER_MAX)
        yield between(f"{key}.output_nanousd_per_token", model.output_nanousd_per_token, 0, MODEL_NUMBER_MAX)
        yield between(f"{key}.first_token_ms", model.first_token_ms, 0, MODEL_NUMBER_MAX)
        yield between(f"{key}.token_us", model.token_us, 0, MODEL_NUMBER_MAX)
        yield between(f"{key}.timeout_ms", model.timeout_ms, 1, MODEL_NUMBER_MAX)
        yield between(f"{key}.error_share", model.error_share, 0.0, 1.0)
        yield between(f"{key}.timeout_share", model.timeout_share, 0.0, 1.0 - model.error_share)


def _share_rules(s: Scenario) -> Iterator[Demand]:
    yield between("budget.total_usd", s.budget.total_usd, 0.0, BUDGET_USD_MAX)
    shares = s.budget.shares
    for agent, share in shares.items():
        yield Demand(f"budget.shares.{agent}", share, agent in ROLES, f"is for one of {', '.join(ROLES)}")
        yield between(f"budget.shares.{agent}", share, 0.0, 1.0)
    yield Demand("budget.shares", shares, sum(shares.values()) <= 1.0 + 1e-9, "sum to at most 1")


def _supervision_rules(s: Scenario) -> Iterator[Demand]:
    supervision = s.supervision
    for name in ("restart_backoff_max", "silence_max"):
        wait = getattr(supervision, name)
        yield Demand(f"supervision.{name}", str(wait), wait <= RESTART_WAIT_NS_MAX, "is at most 24h")
    backoff, most = supervision.restart_backoff, supervision.restart_backoff_max
    demand = f"is at most restart_backoff_max, {most}"
    yield Demand("supervision.restart_backoff", str(backoff), backoff <= most, demand)
    yield between("supervision.restarts_max", supervision.restarts_max, 1, RESTARTS_MAX)


def _learning_rules(s: Scenario) -> Iterator[Demand]:
    witness, feedback = s.witness, s.feedback
    yield between("witness.patterns_max", witness.patterns_max, PATTERNS_MIN, PATTERNS_MAX)
    if witness.review_above is not None:
        yield between("witness.review_above", witness.review_above, 0.0, 1.0)
        demand = "needs a [feedback] table: nobody else answers"
        yield Demand("witness.review_above", witness.review_above, feedback is not None, demand)
    for name in ("model", "head", "memory"):
        path = getattr(witness, name)
        yield Demand(f"witness.{name}", path, path != "", "is the path of a file")
    is_linear = witness.detector == "linear"
    yield Demand("witness.model", witness.model, is_linear or not witness.model, 'is for detector = "linear"')
    yield from _embedder_rules(witness)
    if feedback is not None:
        yield between("feedback.missing_share", feedback.missing_share, 0.0, 1.0)
        yield between("feedback.wrong_share", feedback.wrong_share, 0.0, 1.0)
        if feedback.chance_share is not None:
            yield between("feedback.chance_share", feedback.chance_share, 0.0, 1.0)


def _embedder_rules(witness: WitnessSettings) -> Iterator[Demand]:
    demand = f"is {HASHING}, or a sentence model by name or folder"
    yield Demand("witness.embedder", witness.embedder, bool(witness.embedder), demand)
    is_semantic, demand = witness.embedder != HASHING, "is for a sentence model"
    sha256 = witness.embedder_sha256
    yield Demand("witness.embedder_sha256", sha256, is_semantic or sha256 is None, demand)
    is_semantic, demand = is_semantic and witness.detector == "linear", f'{demand} with detector = "linear"'
    yield Demand("witness.head", witness.head, is_semantic or witness.head is None, demand)
    yield Demand("witness.head_sha256", witness.head_sha256, is_semantic or not witness.head_sha256, demand)


def _is_moment(text: str) -> bool:
    try:
        parse_moment_ns(text)
    except ValueError:
        return False
    return True
