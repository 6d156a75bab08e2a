"""Adding a rule shifts nothing that it does not hit: every rule draws from streams of its own."""

import msgspec
import pytest

from bus.bodies import FaultInjected, PatternDetected, TelemetryReceived
from bus.events import Delivery, Draft, Message
from simulator.compose import agent_settings, routes_of, workload_of
from simulator.compose_agent import build_runtime, build_runtime_from_json
from simulator.faults.links import FaultyLinks, Redelivery
from simulator.faults.mix import active_rules, rules_of_agent
from simulator.faults.outage import Outage
from simulator.faults.outages import planned_outages
from simulator.faults.rules import ActiveRule
from simulator.faults.store_fault import StoreFault
from simulator.faults.store_faults import planned_store_faults
from simulator.scenario import Scenario
from simulator.scenario_file import load_scenario
from simulator.streams import Streams
from tests.simulator.faults.builders import HOUR_NS, START_NS, chaos_with

SEEDS = range(1, 6)
EXTRA: dict[str, dict[str, object]] = {
    "drop": {"kind": "drop", "queue": "improvement_queue", "rate": 0.3},
    "crash": {"kind": "crash", "agent": "architect", "per_day": 9.0},
    "refusal": {"kind": "refusal", "tier": "local", "rate": 0.3},
    "slow": {"kind": "slow", "agent": "architect", "rate": 0.3, "factor": 2.0},
    "disk_full": {"kind": "disk_full", "per_day": 9.0},
}
CHAOS = load_scenario("chaos")


def rules_of(scenario: Scenario, seed: int) -> list[ActiveRule]:
    return [r for r in active_rules(scenario.faults, seed, scenario.start_ns) if r.name != "extra"]


def passages(scenario: Scenario, seed: int) -> list[object]:
    """What becomes of deliveries on queues that the extra rules do not touch."""
    consumers = {route.queue: route.consumer for route in routes_of(scenario)}
    rules = active_rules(scenario.faults, seed, scenario.start_ns)
    links = FaultyLinks(rules, Streams(seed), consumers, Redelivery(30 * 10**9, 100))
    moments = [START_NS + n * HOUR_NS // 10 for n in range(220)]
    return [
        links.deliver(f"workload-{n}.0", source, queue, at_ns, at_ns + 5)
        for n, at_ns in enumerate(moments)
        for source, queue in (
            ("workload", "telemetry_stream"),
            ("architect", "execution_queue"),
            ("executor", "feedback_queue"),
        )
    ]


def outages_of_others(scenario: Scenario, seed: int) -> list[Outage]:
    """Outages of the agents that the extra rules do not touch."""
    rules = active_rules(scenario.faults, seed, scenario.start_ns)
    assert scenario.heal_ns is not None
    planned = planned_outages(rules, scenario.supervision, scenario.heal_ns)
    return [outage for outage in planned if outage.agent != "architect"]


def store_faults(scenario: Scenario, seed: int) -> list[StoreFault]:
    return planned_store_faults(active_rules(scenario.faults, seed, scenario.start_ns), Streams(seed))


@pytest.mark.parametrize("extra", EXTRA.values(), ids=EXTRA)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_further_rule_leaves_the_mix_and_the_plans_of_the_others_alone(
    seed: int, extra: dict[str, object]
) -> None:
    more = chaos_with({"extra": extra})
    assert more.faults.rules["extra"].kind == extra["kind"]
    assert rules_of(more, seed) == rules_of(CHAOS, seed)
    assert passages(more, seed) == passages(CHAOS, seed)
    assert list(workload_of(more)) == list(workload_of(CHAOS))
    assert outages_of_others(more, seed) == outages_of_others(CHAOS, seed)
    assert [fault for fault in store_faults(more, seed) if fault.rule != "extra"] == store_faults(CHAOS, seed)


def test_rules_shift_no_telemetry() -> None:
    plain = msgspec.structs.replace(CHAOS, faults=load_scenario("soak").faults)
    assert list(workload_of(plain)) == list(workload_of(CHAOS))


def drafts_of(rules: tuple[ActiveRule, ...], seed: int) -> list[list[Draft]]:
    """What ARCHITECT says to forty patterns, with the fault rules of the agent; fault events left out."""
    settings = msgspec.structs.replace(
        agent_settings(load_scenario("soak"), "architect"),
        seed=seed,
        faults=rules_of_agent(rules, "architect"),
    )
    runtime = build_runtime_from_json(msgspec.json.encode(settings))
    said = []
    for n in range(40):
        pattern = PatternDetected("critical_error", 0.95, 0.9, f"process {n} died", "critical", 0.0, None, [])
        at_ns = START_NS + n * HOUR_NS // 2
        message = Message(at_ns, "witness", "improvement_queue", pattern)
        handlings = runtime.handle(Delivery(f"workload-{n}.1", at_ns, message))
        said.append([d for h in handlings for d in h.drafts if not isinstance(d.data, FaultInjected)])
    return said


@pytest.mark.parametrize("seed", SEEDS)
def test_rules_that_hit_something_else_shift_no_draw_of_a_model(seed: int) -> None:
    rules = active_rules(CHAOS.faults, seed, START_NS)
    others = tuple(rule for rule in rules if rule.tier is None)
    assert drafts_of(others, seed) == drafts_of((), seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_model_rule_changes_the_calls_that_it_hits_and_no_others(seed: int) -> None:
    refusals = chaos_with({"extra": {"kind": "refusal", "tier": "cloud", "rate": 0.3}})
    extra = msgspec.structs.replace(
        refusals.faults, rules={"extra": refusals.faults.rules["extra"]}, swarm_share=1.0
    )
    plain, hit = drafts_of((), seed), drafts_of(active_rules(extra, seed, START_NS), seed)
    same = sum(a == b for a, b in zip(plain, hit, strict=True))
    assert 0 < same < len(plain)


def test_an_agent_without_rules_is_built_as_before() -> None:
    settings = agent_settings(load_scenario("soak"), "witness")
    assert settings.faults == ()
    message = Message(START_NS, "workload", "telemetry_stream", TelemetryReceived("m"))
    (handling,) = build_runtime(settings).handle(Delivery("workload-1.0", START_NS, message))
    assert handling.outcome == "acknowledged"
