"""Rules and scenarios made for tests of faults. Must not hold tests."""

import tomllib

import msgspec
import tomli_w

from simulator.faults.mix import active_rules
from simulator.faults.rules import ActiveRule, FaultKind, Window
from simulator.scenario import Scenario
from simulator.scenario_file import load_scenario, parse_scenario

HOUR_NS = 3_600 * 10**9
SECOND_NS = 10**9
START_NS = load_scenario("soak").start_ns
FOREVER = (Window(0, 2**62),)
PLACE = "here/scenario.toml"


def with_rules(faults: str) -> Scenario:
    """The soak with tables of faults; ``heal_at`` is there."""
    return parse_scenario(f'extends = "soak"\n[faults]\nheal_at = "20h"\n{faults}'.encode(), PLACE)


def active(faults: str, seed: int = 1) -> tuple[ActiveRule, ...]:
    scenario = with_rules(faults)
    return active_rules(scenario.faults, seed, scenario.start_ns)


def rule(kind: FaultKind, name: str = "r", **fields: object) -> ActiveRule:
    """Strikes always, unless told otherwise."""
    whole = {"name": name, "kind": kind, "windows": FOREVER, **fields}
    return msgspec.convert(whole, ActiveRule)


def chaos_with(added: dict[str, object]) -> Scenario:
    """Chaos with further rules after its own."""
    table = tomllib.loads(load_scenario("chaos").to_toml())
    table["faults"]["rules"].update(added)
    return parse_scenario(tomli_w.dumps(table).encode(), PLACE)
