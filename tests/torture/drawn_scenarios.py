"""Scenarios drawn from a seed, as mean as the rules of a scenario allow. Must not run them.

Faults like to come together here: in bursts a few nanoseconds apart, and at the very moments at which
something else happens.
"""

from collections.abc import Sequence
from random import Random

from msgspec.structs import replace

from agents.agent import Tier
from agents.models.model import ModelSpec
from simulator.duration import NS_PER_UNIT, Duration
from simulator.faults.kinds import KINDS
from simulator.faults.offset import Offset
from simulator.faults.rules import FaultKind, FaultRule, FaultSettings
from simulator.roles import AGENTS, ROLES
from simulator.scenario import (
    BudgetSettings,
    IntervalSettings,
    QueueSettings,
    RetrySettings,
    Scenario,
    SupervisionSettings,
    WorkloadSettings,
)
from simulator.scenario_file import load_scenario
from simulator.scenario_rules import SEGMENT_BYTES_MIN, check_scenario
from tests.torture.drawn_learning import with_learning

MS, S, M, H = (NS_PER_UNIT[unit] for unit in ("ms", "s", "m", "h"))
ITEMS_MAX = 250
"""Records of the workload in a run, about: more would make it slow and no meaner."""
MOMENTS_MAX = 12
SOURCES = {"telemetry_stream": "workload"} | {q: name for name, role in ROLES.items() for q in role.publishes}
OFTEN: tuple[FaultKind, ...] = (
    "duplicate",
    "duplicate",
    "reorder",
    "drop",
    "partition",
    "crash",
    "crash",
    "hang",
)
"""Kinds that are drawn more often than others, because they meet all the others."""
NUDGES_NS = (0, 0, 0, 0, 1, -1, 2, MS, -MS, 5 * MS, S)
"""What a moment may be away from another one."""


def drawn_scenario(seed: int) -> Scenario:
    """Raises ScenarioError: never; what is drawn is a scenario that a person could write."""
    random = Random(seed)
    duration = Duration(random.choice((20 * M, 30 * M, H, H, 2 * H, 3 * H)))
    interval_ns = random.choice((5 * S, 30 * S, M, 2 * M, 5 * M, 15 * M, 30 * M))
    noise_per_hour = random.choice((0.0, 0.0, 6.0, 60.0, 600.0))
    workload = WorkloadSettings(
        event_interval=Duration(max(interval_ns, duration // ITEMS_MAX)),
        noise_per_hour=min(noise_per_hour, ITEMS_MAX * H / duration),
    )
    chaos = load_scenario("chaos")
    scenario = replace(
        chaos,
        name="drawn",
        seed=random.randrange(2**63),
        duration=duration,
        workload=workload,
        budget=_budget(random, chaos.budget),
        intervals=_intervals(random),
        queues={name: _queue(random, queue) for name, queue in chaos.queues.items()},
        retry=RetrySettings(attempts_max=random.randint(1, 4), backoff=_duration(random, 30 * S)),
        models={tier: _model(random, model) for tier, model in chaos.models.items()},
        limits=replace(chaos.limits, segment_bytes=SEGMENT_BYTES_MIN),
        supervision=_supervision(random),
    )
    scenario = with_learning(replace(scenario, faults=_faults(random, scenario)), seed)
    check_scenario(scenario, f"drawn scenario {seed}")
    return scenario


def aimed(scenario: Scenario, seed: int, times_ns: Sequence[int]) -> Scenario:
    """The same, but its rules with moments fire when something else happens, as a run of it showed."""
    random = Random(f"aim {seed}")
    assert scenario.heal_ns is not None
    pool_ns = [ns - scenario.start_ns for ns in times_ns if 1 < ns - scenario.start_ns < scenario.heal_ns]
    rules = {
        name: _aimed_rule(random, rule, pool_ns, scenario) for name, rule in scenario.faults.rules.items()
    }
    found = replace(scenario, faults=replace(scenario.faults, rules=rules))
    check_scenario(found, f"aimed scenario {seed}")
    return found


def _aimed_rule(random: Random, rule: FaultRule, pool_ns: Sequence[int], scenario: Scenario) -> FaultRule:
    heal_at = scenario.faults.heal_at
    if rule.rate is not None or not pool_ns or heal_at is None:
        return rule
    return replace(rule, at=_moments(random, pool_ns, heal_at), per_day=None)


def _duration(random: Random, most_ns: int) -> Duration:
    """Of any order of magnitude: the least that can be written is a nanosecond."""
    return Duration(random.choice((1, MS, random.randint(1, most_ns), random.randint(1, most_ns), most_ns)))


def _budget(random: Random, budget: BudgetSettings) -> BudgetSettings:
    shares = random.choice((budget.shares, {"architect": 1.0}, {"executor": 0.5}, dict.fromkeys(AGENTS, 0.3)))
    return BudgetSettings(total_usd=random.choice((0.0, 1e-9, 0.01, 0.2, 10.0, 10.0, 10.0)), shares=shares)


def _intervals(random: Random) -> IntervalSettings:
    return IntervalSettings(
        snapshot=Duration(H),
        metrics=Duration(random.choice((20 * S, M, 5 * M))),
        heartbeat=Duration(random.choice((10 * S, M, 7 * M))),
    )


def _queue(random: Random, queue: QueueSettings) -> QueueSettings:
    depth_max = random.choice((1, 3, random.randint(1, 20), 20, 1_000, 1_000))
    return replace(queue, delay=_duration(random, M), depth_max=depth_max)


def _model(random: Random, model: ModelSpec) -> ModelSpec:
    """Half of them work: where every call fails hardly anything else happens."""
    if random.random() < 0.5:
        return model
    return replace(
        model,
        error_share=random.choice((0.0, 0.1, 0.3, 0.5)),
        timeout_share=random.choice((0.0, 0.0, 0.1, 0.5)),
        timeout_ms=random.choice((1, 2_000, 30_000, 30_000)),
        first_token_ms=random.choice((0, 250, 5_000)),
        token_us=random.choice((0, 4_000)),
    )


def _supervision(random: Random) -> SupervisionSettings:
    backoff = _duration(random, 10 * S)
    return SupervisionSettings(
        restart_backoff=backoff,
        restart_backoff_max=Duration(backoff * random.choice((1, 2, 60))),
        restarts_max=random.randint(1, 5),
        silence_max=_duration(random, 3 * M),
    )


def _faults(random: Random, scenario: Scenario) -> FaultSettings:
    heal_at = Duration(scenario.duration * random.choice((30, 60, 90, 99)) // 100)
    pool_ns = _pool_ns(random, scenario, heal_at)
    kinds = random.choices([*KINDS, *OFTEN], k=random.choice((0, 2, 4, 8, 14, 25)))
    return FaultSettings(
        heal_at=heal_at,
        converge_within=_duration(random, H),
        redelivery_timeout=Duration(random.choice((S, 7 * S, 30 * S, 5 * M))),
        redeliveries_max=random.choice((1, 2, 3, 100)),
        swarm_share=1.0,
        rules={f"{kind}-{n}": _rule(random, kind, pool_ns, heal_at) for n, kind in enumerate(kinds)},
    )


def _pool_ns(random: Random, scenario: Scenario, heal_at: int) -> list[int]:
    """Moments, counted from the start, at which something may happen; the rules of a scenario share them."""
    every_ns = (scenario.workload.event_interval, scenario.intervals.metrics, scenario.intervals.heartbeat)
    delays_ns = [0, *(queue.delay for queue in scenario.queues.values())]
    pool_ns = [1, heal_at - 1]
    for _ in range(random.randint(1, MOMENTS_MAX)):
        step_ns = random.choice(every_ns)
        on_time_ns = step_ns * random.randint(0, heal_at // step_ns) + random.choice(delays_ns)
        pool_ns += [on_time_ns, random.randrange(heal_at)]
    return pool_ns


def _moments(random: Random, pool_ns: Sequence[int], heal_at: int) -> tuple[Duration, ...]:
    count = random.choice((1, 1, 2, 4, MOMENTS_MAX))
    if random.random() < 0.3:  # a burst
        base_ns, gap_ns = random.choice(pool_ns), random.choice((1, 1_000, MS, 10 * MS, 3 * S))
        drawn_ns = [base_ns + gap_ns * n for n in range(count)]
    else:
        drawn_ns = [random.choice(pool_ns) + random.choice(NUDGES_NS) for _ in range(count)]
    return tuple(Duration(min(max(1, ns), heal_at - 1)) for ns in drawn_ns)


def _rule(random: Random, kind: FaultKind, pool_ns: Sequence[int], heal_at: int) -> FaultRule:
    spec = KINDS[kind]
    queue = random.choice(list(SOURCES)) if spec.target == "queue" else None
    tier: Tier = random.choice(("local", "cloud"))
    rule = FaultRule(
        kind=kind,
        queue=queue,
        source=SOURCES[queue] if queue and spec.may == "source" and random.random() < 0.3 else None,
        agent=random.choice(AGENTS) if spec.target == "agent" else None,
        tier=tier if spec.target == "tier" else None,
        direction=random.choice(("both", "to_agent", "from_agent")) if spec.may == "direction" else None,
        delay=_delay(random, pool_ns) if spec.needs == "delay" else None,
        factor=random.choice((1.001, 3.0, 50.0)) if spec.needs == "factor" else None,
        offset=Offset(random.choice((-1, 1)) * _duration(random, 2 * H)) if spec.needs == "offset" else None,
        count=random.choice((1, 2, 4, 9)) if spec.needs == "count" else None,
        retry_after=_duration(random, M) if spec.needs == "retry_after" else None,
    )
    if spec.firing == "share" and random.random() < 0.6:
        return replace(rule, rate=random.choice((0.05, 0.3, 0.3, 0.8, 1.0)), **_limits(random, heal_at))
    lasts = _duration(random, random.choice((M, 10 * M, H)))
    fired = replace(rule, lasts=None if spec.firing == "moments" else lasts)
    if random.random() < 0.2:
        return replace(fired, per_day=random.choice((24.0, 200.0)))
    return replace(fired, at=_moments(random, pool_ns, heal_at))


def _delay(random: Random, pool_ns: Sequence[int]) -> Duration:
    """Of any length; or such that what is late arrives together with something else."""
    if random.random() < 0.4:
        return Duration(max(1, abs(random.choice(pool_ns) - random.choice(pool_ns))))
    return _duration(random, random.choice((S, 10 * M, H)))


def _limits(random: Random, heal_at: int) -> dict[str, Duration | None]:
    """Of a rate: from when until when, if not always."""
    if random.random() < 0.6:
        return {}
    from_ns = random.randrange(1, heal_at)
    limits: dict[str, Duration | None] = {"from_": Duration(from_ns)}
    if random.random() < 0.5:
        limits["until"] = Duration(random.randint(from_ns + 1, heal_at))
    return limits
