"""Schedules, windows, outages and faults of the store: planned from the rules and the seed alone."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.duration import Duration
from simulator.faults.mix import active_rules, rules_of_agent
from simulator.faults.outages import planned_outages
from simulator.faults.rules import ActiveRule, FaultRule, Window
from simulator.faults.schedule import moments_ns, strikes, window_at, windows_of
from simulator.faults.store_faults import planned_store_faults
from simulator.scenario import SupervisionSettings
from simulator.scenario_file import load_scenario
from simulator.streams import Streams
from tests.simulator.faults.builders import HOUR_NS, SECOND_NS, START_NS, active, rule, with_rules

SUPERVISION = SupervisionSettings()
HEAL_NS = START_NS + 20 * HOUR_NS
KINDS = ("crash", "hang", "amnesia", "crash_loop")


@given(st.floats(0.1, 200.0), st.integers(0, 50))
def test_drawn_moments_are_in_order_and_before_healing(per_day: float, seed: int) -> None:
    drawn = moments_ns("r", FaultRule(kind="crash", per_day=per_day), Streams(seed), START_NS, HEAL_NS)
    assert all(a < b for a, b in pairwise(drawn))
    assert all(START_NS < moment < HEAL_NS for moment in drawn)


def test_a_rule_fires_as_often_a_day_as_it_says() -> None:
    counts = [
        len(
            moments_ns(
                "r", FaultRule(kind="crash", per_day=12.0), Streams(seed), START_NS, START_NS + 24 * HOUR_NS
            )
        )
        for seed in range(300)
    ]
    assert sum(counts) / 300 == pytest.approx(12.0, abs=0.6)
    assert len(set(counts)) > 5


def test_listed_moments_are_taken_in_order_and_once() -> None:
    listed = FaultRule(kind="crash", at=tuple(Duration.parse(text) for text in ("3h", "1h", "60m")))
    assert moments_ns("r", listed, Streams(1), START_NS, HEAL_NS) == (
        START_NS + HOUR_NS,
        START_NS + 3 * HOUR_NS,
    )


@given(st.lists(st.integers(0, 1000), max_size=20).map(sorted), st.integers(1, 200))
def test_windows_cover_what_is_hit_once_and_nothing_after_healing(fired: list[int], lasts: int) -> None:
    windows = windows_of(fired, lasts, 900)
    assert all(a.end_ns < b.start_ns for a, b in pairwise(windows))
    for time_ns in range(0, 1300, 7):
        covered = time_ns < 900 and any(moment <= time_ns < moment + lasts for moment in fired)
        assert (window_at(windows, time_ns) is not None) == covered


def test_a_rate_hits_its_share_within_its_window_only() -> None:
    (lossy,) = active(
        '[faults.rules.lossy]\nkind = "drop"\nqueue = "telemetry_stream"\n'
        'rate = 0.2\nfrom = "1h"\nuntil = "2h"'
    )
    streams = Streams(1)
    inside = sum(strikes(lossy, streams, f"k{n}", START_NS + HOUR_NS + n) for n in range(2000))
    assert inside / 2000 == pytest.approx(0.2, abs=0.03)
    for time_ns in (START_NS, START_NS + HOUR_NS - 1, START_NS + 2 * HOUR_NS):
        assert not any(strikes(lossy, streams, f"k{n}", time_ns) for n in range(100))


def test_no_rule_strikes_after_healing() -> None:
    scenario = load_scenario("chaos")
    assert scenario.heal_ns is not None
    for seed in range(20):
        for one in active_rules(scenario.faults, seed, scenario.start_ns):
            assert all(window.end_ns <= scenario.heal_ns for window in one.windows)
            assert all(moment < scenario.heal_ns for moment in one.moments_ns)


def test_the_mix_is_drawn_from_the_seed_with_the_share_that_the_scenario_says() -> None:
    scenario = load_scenario("chaos")
    counts = [len(active_rules(scenario.faults, seed, scenario.start_ns)) for seed in range(200)]
    assert sum(counts) / 200 == pytest.approx(0.6 * len(scenario.faults.rules), rel=0.05)
    assert len(set(counts)) > 5


def test_with_a_whole_share_every_rule_is_part_in_the_order_of_the_file() -> None:
    faults = "\n".join(
        f'[faults.rules.{name}]\nkind = "disk_full"\nat = ["1h"]' for name in ("zebra", "ant", "mole")
    )
    assert [one.name for one in active(faults)] == ["zebra", "ant", "mole"]


def test_an_agent_is_handed_the_rules_that_are_asked_where_it_runs() -> None:
    rules = (
        rule("drop", "a", queue="feedback_queue"),
        rule("slow", "b", agent="witness"),
        rule("slow", "c", agent="executor"),
        rule("slow_consumer", "d", queue="feedback_queue"),
        rule("refusal", "e", tier="cloud"),
        rule("crash", "f", agent="witness"),
    )
    assert [one.name for one in rules_of_agent(rules, "witness")] == ["b", "d", "e"]


# -- outages --

outage_rules = st.lists(
    st.builds(
        rule,
        st.sampled_from(KINDS),
        st.sampled_from(["a", "b", "c"]),
        windows=st.just(()),
        agent=st.sampled_from(["witness", "executor"]),
        count=st.integers(1, 8),
        moments_ns=st.lists(st.integers(START_NS + 1, HEAL_NS - 1), max_size=8, unique=True).map(
            lambda moments: tuple(sorted(moments))
        ),
    ),
    max_size=5,
)


@given(outage_rules)
def test_outages_are_in_order_apart_and_over_when_the_run_heals(rules: list[ActiveRule]) -> None:
    outages = planned_outages(rules, SUPERVISION, HEAL_NS)
    assert [o.frozen_ns for o in outages] == sorted(o.frozen_ns for o in outages)
    for agent in ("witness", "executor"):
        mine = [o for o in outages if o.agent == agent]
        assert all(a.up_ns < b.frozen_ns for a, b in pairwise(mine))
    for o in outages:
        moments = [o.down_ns, *o.failed_restarts_ns, o.up_ns]
        assert o.frozen_ns <= o.down_ns
        assert all(a < b for a, b in pairwise(moments))
        assert o.up_ns <= HEAL_NS
        assert o.gave_up == (len(o.failed_restarts_ns) == SUPERVISION.restarts_max)


def outage_of(kind: str, count: int = 1) -> tuple[list[int], int, bool]:
    """Seconds from the fault to the end, to each failed restart, to the return; and whether it gave up."""
    at_ns = START_NS + HOUR_NS
    one = rule(kind, agent="witness", moments_ns=(at_ns,), count=count)  # type: ignore[arg-type]
    (o,) = planned_outages([one], SUPERVISION, HEAL_NS)
    assert (o.rule, o.kind, o.agent, o.frozen_ns) == ("r", kind, "witness", at_ns)
    moments = (o.down_ns, *o.failed_restarts_ns)
    return [(moment - at_ns) // SECOND_NS for moment in moments], (o.up_ns - at_ns) // SECOND_NS, o.gave_up


@pytest.mark.parametrize(
    ("kind", "count", "expected"),
    [
        ("crash", 1, ([0], 1, False)),
        ("hang", 1, ([180], 181, False)),
        ("amnesia", 1, ([0, 1], 3, False)),
        ("crash_loop", 3, ([0, 1, 3, 7], 15, False)),
        ("crash_loop", 5, ([0, 1, 3, 7, 15, 31], 19 * 3600, True)),
        ("crash_loop", 50, ([0, 1, 3, 7, 15, 31], 19 * 3600, True)),
    ],
)
def test_an_agent_is_started_again_with_a_doubled_wait(kind: str, count: int, expected: object) -> None:
    assert outage_of(kind, count) == expected


def test_the_wait_before_a_restart_has_a_bound() -> None:
    patient = SupervisionSettings(restarts_max=9)
    loop = rule("crash_loop", agent="witness", moments_ns=(START_NS,), count=8)
    (o,) = planned_outages([loop], patient, HEAL_NS)
    moments = [o.down_ns, *o.failed_restarts_ns, o.up_ns]
    assert [(b - a) // SECOND_NS for a, b in pairwise(moments)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_of_two_outages_at_once_the_first_rule_has_its_way_and_one_that_comes_too_late_is_left_out() -> None:
    crash = rule("crash", "crash", agent="witness", moments_ns=(START_NS, HEAL_NS - SECOND_NS // 2))
    hang = rule("hang", "hang", agent="witness", moments_ns=(START_NS, START_NS + SECOND_NS))
    assert [o.rule for o in planned_outages([crash, hang], SUPERVISION, HEAL_NS)] == ["crash"]
    assert [o.rule for o in planned_outages([hang, crash], SUPERVISION, HEAL_NS)] == ["hang"]


def test_faults_of_the_store_are_in_order_with_a_place_in_the_write() -> None:
    rules = active(
        '[faults.rules.torn]\nkind = "torn_write"\nper_day = 50.0\n'
        '[faults.rules.full]\nkind = "disk_full"\nat = ["3h", "1h"]\n'
        '[faults.rules.flip]\nkind = "bit_flip"\nat = ["2h", "3h"]\n'
        '[faults.rules.crash]\nkind = "crash"\nagent = "witness"\nat = ["2h"]\n'
    )
    planned = planned_store_faults(rules, Streams(1))
    assert all(a.time_ns < b.time_ns for a, b in pairwise(planned))
    assert all(0 <= fault.place < 1 for fault in planned)
    assert len({fault.place for fault in planned}) == len(planned)
    listed = [(f.rule, (f.time_ns - START_NS) // HOUR_NS) for f in planned if f.kind != "torn_write"]
    assert listed == [("full", 1), ("flip", 2), ("full", 3)]
    assert sum(fault.kind == "torn_write" for fault in planned) > 20


def test_a_scenario_without_rules_has_none_that_are_active() -> None:
    soak = load_scenario("soak")
    assert active_rules(soak.faults, 1, soak.start_ns) == ()
    assert soak.heal_ns is None
    assert with_rules("").heal_ns == HEAL_NS


def test_windows_of_a_rule_with_a_schedule_last_as_long_as_it_says() -> None:
    (gone,) = active('[faults.rules.g]\nkind = "model_gone"\ntier = "cloud"\nat = ["1h"]\nlasts = "10m"')
    assert gone.windows == (Window(START_NS + HOUR_NS, START_NS + HOUR_NS + 600 * SECOND_NS),)
    assert gone.rate == 1.0
