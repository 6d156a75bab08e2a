"""Fault rules of a scenario: every wrong key is refused with its path and with what to write."""

import tomllib
from collections.abc import Callable, Iterable

import msgspec
import pytest
import tomli_w

from simulator.errors import ScenarioError
from simulator.faults import rule_checks
from simulator.faults.kinds import KINDS
from simulator.faults.rules import FaultKind, FaultRule
from simulator.scenario import Scenario
from simulator.scenario_file import load_scenario, parse_scenario, scenario_folder
from tests.simulator.faults.builders import PLACE, with_rules

TARGETS = {"queue": 'queue = "feedback_queue"', "agent": 'agent = "witness"', "tier": 'tier = "cloud"'}
PARAMETERS = {
    "source": 'source = "executor"',
    "direction": 'direction = "to_agent"',
    "delay": 'delay = "2s"',
    "factor": "factor = 2.0",
    "offset": 'offset = "-1h"',
    "count": "count = 2",
    "retry_after": 'retry_after = "20s"',
}
FIRING = {
    "share": "rate = 0.5",
    "windows": 'at = ["3h"]\nlasts = "10m"',
    "moments": "per_day = 4.0",
}


def lines_of(kind: FaultKind) -> dict[str, str]:
    """A rule of a kind with every key that it may have, by key."""
    spec = KINDS[kind]
    names = [name for name in (spec.needs, spec.may) if name is not None]
    lines = {name: PARAMETERS[name] for name in names}
    if spec.target is not None:
        lines[spec.target] = TARGETS[spec.target]
    return {"kind": f'kind = "{kind}"', **lines, "firing": FIRING[spec.firing]}


def scenario_of(lines: list[str], name: str = "mine") -> Scenario:
    return with_rules(f"[faults.rules.{name}]\n" + "\n".join(lines))


def error_of_rule(lines: Iterable[str]) -> str:
    return error_of(lambda: scenario_of(list(lines)))


def error_of(make: Callable[[], object]) -> str:
    with pytest.raises(ScenarioError) as caught:
        make()
    message = str(caught.value)
    assert message.startswith(f"{PLACE}: ")
    assert "\n" not in message
    return message.removeprefix(f"{PLACE}: ")


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_of_each_kind_can_be_written_and_is_read_back_the_same(kind: FaultKind) -> None:
    scenario = scenario_of(list(lines_of(kind).values()))
    assert scenario.faults.rules["mine"].kind == kind
    again = parse_scenario(scenario.to_toml().encode(), PLACE)
    assert again == scenario
    assert again.sha256() == scenario.sha256() != load_scenario("soak").sha256()


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_a_kind_needs_is_asked_for_by_its_path(kind: FaultKind) -> None:
    spec = KINDS[kind]
    for name in (spec.target, spec.needs):
        if name is not None:
            lines = lines_of(kind)
            del lines[name]
            message = error_of_rule(lines.values())
            assert message.startswith(
                f"faults.rules.mine.{name} is needed by a rule of kind {kind}: write {name} ="
            )


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_has_no_meaning_for_a_kind_is_refused_by_its_path(kind: FaultKind) -> None:
    lines = lines_of(kind)
    for name, line in (TARGETS | PARAMETERS).items():
        if name not in lines:
            message = error_of_rule([*lines.values(), line])
            assert (
                message == f"faults.rules.mine.{name} has no meaning for a rule of kind {kind}; take it out"
            )


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_says_once_when_it_fires(kind: FaultKind) -> None:
    lines = lines_of(kind)
    del lines["firing"]
    firing = KINDS[kind].firing

    def error(more: str) -> str:
        return error_of_rule([*lines.values(), more])

    assert error("").startswith("faults.rules.mine does not say when it fires: write ")
    twice = error('at = ["3h"]\nper_day = 4.0')
    assert twice.startswith("faults.rules.mine.per_day contradicts at")
    if firing == "moments":
        assert error('at = ["3h"]\nlasts = "1h"').startswith("faults.rules.mine.lasts has no meaning")
    else:
        assert error('at = ["3h"]').startswith("faults.rules.mine.lasts is needed beside at: write lasts =")
    if firing == "share":
        assert error('rate = 0.5\nlasts = "1h"').startswith(
            "faults.rules.mine.lasts has no meaning beside rate"
        )
    else:
        assert error("rate = 0.5").startswith("faults.rules.mine.rate has no meaning")
    assert error('per_day = 4.0\nfrom = "1h"' + ('\nlasts = "1h"' if firing != "moments" else "")).startswith(
        "faults.rules.mine.from belongs to a rule with rate"
    )


DROP = ['kind = "drop"', 'queue = "feedback_queue"']
CRASH = ['kind = "crash"', 'agent = "witness"']


@pytest.mark.parametrize(
    ("lines", "key", "says"),
    [
        (['kind = "explode"'], ".kind", "it is one of drop, duplicate"),
        (["rate = 0.5"], "", "missing required field `kind`"),
        ([*DROP, "wether = 1"], "", "wether"),
        ([*DROP, 'rate = "often"'], ".rate", "Expected `float"),
        ([*DROP, "rate = 0.0"], ".rate", "above 0 and at most 1, not 0.0"),
        ([*DROP, "rate = 1.5"], ".rate", "not 1.5"),
        ([*DROP, "rate = nan"], ".rate", "not nan"),
        ([*DROP, 'rate = 0.5\nfrom = "20h"'], ".from", "below heal_at, 20h, not '20h'"),
        ([*DROP, 'rate = 0.5\nuntil = "21h"'], ".until", "at most heal_at, 20h, not '21h'"),
        ([*DROP, 'rate = 0.5\nfrom = "3h"\nuntil = "2h"'], ".until", "above from, 3h, not '2h'"),
        ([*DROP, 'rate = 0.5\nfrom = "-1h"'], ".from", "'-1h' is not a duration"),
        (['kind = "drop"', 'queue = "nowhere"', "rate = 0.5"], ".queue", "not 'nowhere'"),
        ([*DROP, 'source = "workload"', "rate = 0.5"], ".source", "it is executor, not 'workload'"),
        (['kind = "crash"', 'agent = "nobody"', "per_day = 1.0"], ".agent", "not 'nobody'"),
        ([*CRASH, "at = []"], ".at", "has 1 to 10000 moments"),
        ([*CRASH, 'at = ["1h", "20h"]'], ".at[1]", "below heal_at, 20h, not '20h'"),
        ([*CRASH, 'at = ["0s"]'], ".at[", "'0s' is out of range"),
        ([*CRASH, "at = [3]"], ".at[", "3 is not a duration"),
        ([*CRASH, "per_day = 0.0"], ".per_day", "above 0"),
        ([*CRASH, "per_day = inf"], ".per_day", "not inf"),
        ([*CRASH, "per_day = 90000.0"], ".per_day", "at most 10000 times until 20h"),
        ([*DROP, 'at = ["1h"]\nlasts = "8d"'], ".lasts", "at most 7d, not '8d'"),
        (['kind = "delay"', DROP[1], "rate = 0.5", 'delay = "0s"'], ".delay", "out of range"),
        (['kind = "delay"', DROP[1], "rate = 0.5", 'delay = "8d"'], ".delay", "at most 7d"),
        (['kind = "slow"', CRASH[1], "rate = 0.5", "factor = 1.0"], ".factor", "above 1"),
        (['kind = "slow"', CRASH[1], "rate = 0.5", "factor = nan"], ".factor", "not nan"),
        (['kind = "crash_loop"', CRASH[1], "per_day = 1.0", "count = 0"], ".count", "from 1 to 100"),
        (
            ['kind = "clock_jump"', CRASH[1], 'at = ["1h"]', 'lasts = "1h"', 'offset = "0s"'],
            ".offset",
            'a clock that is behind has a minus, like "-1h"',
        ),
        (
            ['kind = "partition"', CRASH[1], 'at = ["1h"]', 'lasts = "1h"', 'direction = "up"'],
            ".direction",
            "it is one of both, to_agent, from_agent",
        ),
        (['kind = "refusal"', 'tier = "moon"', "rate = 0.5"], ".tier", "it is one of local, cloud"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key_and_what_it_may_be(
    lines: list[str], key: str, says: str
) -> None:
    message = error_of_rule(lines)
    assert f"faults.rules.mine{key}" in message
    assert says in message


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        (
            "[faults.rules.a]\nkind = 'disk_full'\nat = ['1h']",
            "faults.heal_at is needed when there are rules",
        ),
        ("[faults]\nheal_at = '24h'", "faults.heal_at is 24h, but the run is over at 24h: heal earlier"),
        ("[faults]\nconverge_within = '8d'", "faults.converge_within is at most 7d"),
        ("[faults]\nredelivery_timeout = '1ms'", "faults.redelivery_timeout is from 1s to 1h"),
        ("[faults]\nredelivery_timeout = '2h'", "faults.redelivery_timeout is from 1s to 1h"),
        ("[faults]\nredeliveries_max = 0", "faults.redeliveries_max is from 1"),
        ("[faults]\nswarm_share = 1.1", "faults.swarm_share is from 0 to 1"),
        ("[faults]\nswarm_share = nan", "faults.swarm_share is from 0 to 1"),
        ("[faults]\nwether = 1", "`wether` - at `$.faults`"),
        ("[supervision]\nwether = 1", "`wether` - at `$.supervision`"),
        (
            "[supervision]\nrestart_backoff = '2m'",
            "supervision.restart_backoff is at most restart_backoff_max, 1m",
        ),
        ("[supervision]\nrestart_backoff_max = '25h'", "supervision.restart_backoff_max is at most 24h"),
        ("[supervision]\nsilence_max = '25h'", "supervision.silence_max is at most 24h"),
        ("[supervision]\nrestarts_max = 0", "supervision.restarts_max is from 1 to 100"),
    ],
)
def test_a_wrong_value_beside_the_rules_is_refused_with_its_key(toml: str, says: str) -> None:
    assert says in error_of(lambda: parse_scenario(f'extends = "soak"\n{toml}'.encode(), PLACE))


def test_a_name_that_cannot_be_printed_is_refused() -> None:
    message = error_of(lambda: scenario_of([*DROP, "rate = 0.5"], '"a b"'))
    assert message.startswith("faults.rules.a b has a name of letters")


def test_a_run_has_no_more_rules_than_the_limit() -> None:
    rules = "\n".join(f'[faults.rules.r{n}]\nkind = "disk_full"\nat = ["1h"]' for n in range(101))
    assert "faults.rules are at most 100, not '101 rules'" in error_of(lambda: with_rules(rules))


def test_no_key_of_a_rule_is_left_unchecked() -> None:
    checked = {"kind", "from_", "until", "lasts", *PARAMETERS, *TARGETS, "rate", "at", "per_day"}
    assert {field.name for field in msgspec.structs.fields(FaultRule)} == checked
    assert set(rule_checks._TARGETS + rule_checks._PARAMETERS) == set(PARAMETERS) | set(TARGETS)


def test_the_order_of_rules_is_kept_and_counts_in_the_digest() -> None:
    rules = [f'[faults.rules.{name}]\nkind = "disk_full"\nat = ["1h"]\n' for name in "ab"]
    there, back = with_rules("".join(rules)), with_rules("".join(reversed(rules)))
    assert list(parse_scenario(back.to_toml().encode(), PLACE).faults.rules) == ["b", "a"]
    assert there.sha256() != back.sha256()


def test_tables_at_their_defaults_leave_the_digest_as_it_was_before_there_were_any() -> None:
    # The digest of the soak as it was recorded when scenarios had none of these, nor any fault.
    digest = "146effaee416caa56283502b3eaec49aa41094cc5f95289928b6ce42220abaad"
    young = {"workload": ("oblique_share",), "witness": ("detector", "review_above")}
    table = tomllib.loads((scenario_folder("soak") / "scenario.toml").read_text(encoding="utf-8"))
    del table["feedback"]
    for name, keys in young.items():
        table[name] = {key: value for key, value in table[name].items() if key not in keys}
    plain = tomli_w.dumps({**table, "duration": "2h"}).encode()
    assert parse_scenario(plain, PLACE).sha256() == digest
    assert parse_scenario(plain + b"\n[supervision]\nrestarts_max = 5", PLACE).sha256() == digest
    assert parse_scenario(plain + b"\n[supervision]\nrestarts_max = 6", PLACE).sha256() != digest
    assert parse_scenario(plain + b"\n[feedback]", PLACE).sha256() != digest


def test_chaos_has_every_kind_of_fault() -> None:
    assert {rule.kind for rule in load_scenario("chaos").faults.rules.values()} == set(KINDS)


def test_chaos_is_read_back_the_same_from_its_toml() -> None:
    chaos = load_scenario("chaos")
    again = parse_scenario(chaos.to_toml().encode(), PLACE)
    assert (again, again.sha256()) == (chaos, chaos.sha256())
    assert list(again.faults.rules) == list(chaos.faults.rules)
