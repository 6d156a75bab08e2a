"""FaultyLinks: delivery is at least once, whatever happens on the way, and every fault is a fact."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.bodies import DeliveryDeadLettered, DeliveryRedelivered, FaultInjected
from simulator.faults import links as links_module
from simulator.faults.corruption import is_accepted, sealed_delivery
from simulator.faults.links import FaultyLinks, Redelivery
from simulator.faults.rules import ActiveRule, Window
from simulator.links import Links, Passage
from simulator.streams import Streams
from tests.simulator.faults.builders import SECOND_NS, rule

CONSUMERS = {"telemetry_stream": "witness", "feedback_queue": "witness", "execution_queue": "executor"}
TIMEOUT_NS = 30 * SECOND_NS
SENT_NS, ARRIVED_NS = 1_000 * SECOND_NS, 1_000 * SECOND_NS + 5_000_000


def links_of(*rules: ActiveRule, redeliveries_max: int = 100, seed: int = 1) -> Links:
    return FaultyLinks(rules, Streams(seed), CONSUMERS, Redelivery(TIMEOUT_NS, redeliveries_max))


def sent(links: Links, key: str = "k", queue: str = "telemetry_stream", source: str = "workload") -> Passage:
    return links.deliver(key, source, queue, SENT_NS, ARRIVED_NS)


def bodies(passage: Passage) -> list[object]:
    return [fact.draft.data for fact in passage.facts]


def test_without_a_rule_that_strikes_nothing_happens() -> None:
    off = Window(SENT_NS + 1, SENT_NS + 2)
    for links in (links_of(), links_of(rule("drop", queue="telemetry_stream", windows=(off,)))):
        assert sent(links) == Passage((ARRIVED_NS,))
        assert links.answer("k", "witness", 1, SENT_NS) == Passage((SENT_NS,))


@pytest.mark.parametrize("kind", ["drop", "corrupt"])
def test_a_lost_copy_is_sent_again_with_a_doubled_wait(kind: str) -> None:
    # Lost until 31 s after the send: the copies at 0 s and 30 s are lost, the one at 90 s is through.
    lossy = (Window(SENT_NS, SENT_NS + 31 * SECOND_NS),)
    passage = sent(links_of(rule(kind, queue="telemetry_stream", windows=lossy)))  # type: ignore[arg-type]
    assert passage.arrivals_ns == (ARRIVED_NS + 90 * SECOND_NS,)
    fault = FaultInjected("r", kind, "telemetry_stream")
    assert bodies(passage) == [
        fault,
        DeliveryRedelivered("telemetry_stream", 1, "nothing acknowledged it within 30 s"),
        fault,
        DeliveryRedelivered("telemetry_stream", 2, "nothing acknowledged it within 60 s"),
    ]
    assert [(fact.time_ns - SENT_NS) // SECOND_NS for fact in passage.facts] == [0, 30, 30, 90]
    assert all(fact.draft.queue is None for fact in passage.facts)


def test_the_wait_grows_to_sixteen_times_the_first_and_no_further() -> None:
    passage = sent(links_of(rule("drop", queue="telemetry_stream"), redeliveries_max=7))
    resent = [SENT_NS, *(f.time_ns for f in passage.facts if isinstance(f.draft.data, DeliveryRedelivered))]
    assert [(b - a) // TIMEOUT_NS for a, b in pairwise(resent)] == [1, 2, 4, 8, 16, 16, 16]


def test_what_never_gets_through_becomes_a_dead_letter_after_the_bound() -> None:
    passage = sent(links_of(rule("drop", queue="telemetry_stream"), redeliveries_max=2))
    assert passage.arrivals_ns == ()
    reason = "nothing acknowledged it, nor any of its 2 redeliveries"
    assert bodies(passage)[-1] == DeliveryDeadLettered("telemetry_stream", 0, reason, "redeliveries_max")
    assert sum(isinstance(body, DeliveryRedelivered) for body in bodies(passage)) == 2
    assert sum(isinstance(body, FaultInjected) for body in bodies(passage)) == 3


def test_each_copy_is_drawn_anew() -> None:
    links = links_of(rule("drop", queue="telemetry_stream", rate=0.5))
    resends = [len(sent(links, f"k{n}").facts) // 2 for n in range(400)]
    shares = [resends.count(count) / 400 for count in range(4)]
    assert shares == pytest.approx([0.5, 0.25, 0.125, 0.0625], abs=0.06)


def test_a_duplicate_comes_later_and_within_the_redelivery_timeout() -> None:
    links = links_of(rule("duplicate", queue="telemetry_stream"))
    for n in range(50):
        passage = sent(links, f"k{n}")
        first, second = passage.arrivals_ns
        assert first == ARRIVED_NS
        assert 1_000_000 <= second - first <= TIMEOUT_NS
        assert bodies(passage) == [FaultInjected("r", "duplicate", "telemetry_stream", second - first)]


def test_a_delay_is_added_as_it_is() -> None:
    passage = sent(links_of(rule("delay", queue="telemetry_stream", delay_ns=77)))
    assert passage.arrivals_ns == (ARRIVED_NS + 77,)
    assert bodies(passage) == [FaultInjected("r", "delay", "telemetry_stream", 77)]


def test_reordering_lets_later_ones_overtake() -> None:
    links = links_of(rule("reorder", queue="telemetry_stream", delay_ns=600 * SECOND_NS, rate=0.5))
    arrivals = []
    for n in range(50):
        at_ns = SENT_NS + n * SECOND_NS
        (arrived_ns,) = links.deliver(f"k{n}", "workload", "telemetry_stream", at_ns, at_ns + 1).arrivals_ns
        assert at_ns < arrived_ns <= at_ns + 1 + 600 * SECOND_NS
        arrivals.append(arrived_ns)
    assert arrivals != sorted(arrivals)


def test_every_flipped_bit_of_a_delivery_is_noticed() -> None:
    line = sealed_delivery("workload-1.0", "telemetry_stream", SENT_NS, ARRIVED_NS)
    assert is_accepted(line)
    for bit in range(len(line) * 8):
        flipped = bytearray(line)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not is_accepted(bytes(flipped)), bit


def test_a_receiver_that_takes_damage_for_a_delivery_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links_module, "is_accepted", lambda line: True)
    with pytest.raises(AssertionError, match="for a delivery"):
        sent(links_of(rule("corrupt", queue="telemetry_stream")))


@pytest.mark.parametrize(
    ("direction", "parts"),
    [("both", (True, True)), ("to_agent", (True, False)), ("from_agent", (False, True))],
)
def test_a_partition_holds_what_goes_in_its_direction(direction: str, parts: tuple[bool, bool]) -> None:
    window = (Window(SENT_NS - 1, SENT_NS + 100 * SECOND_NS),)
    links = links_of(rule("partition", agent="witness", direction=direction, windows=window))
    there, back = sent(links), links.answer("k", "witness", 1, SENT_NS)
    # Resent after 30, 90 and 210 seconds; the last is through.
    assert there.arrivals_ns == (ARRIVED_NS + parts[0] * 210 * SECOND_NS,)
    assert back.arrivals_ns == (SENT_NS + parts[1] * 210 * SECOND_NS,)
    if parts[0]:
        assert bodies(there)[0] == FaultInjected("r", "partition", "telemetry_stream", 100 * SECOND_NS)
    if parts[1]:
        assert bodies(back) == [FaultInjected("r", "partition", "witness", 210 * SECOND_NS)]
    assert sent(links, queue="execution_queue") == Passage((ARRIVED_NS,))
    assert links.answer("k", "executor", 1, SENT_NS) == Passage((SENT_NS,))


def test_a_rule_about_one_source_leaves_the_others_alone() -> None:
    links = links_of(rule("drop", queue="feedback_queue", source="executor"), redeliveries_max=1)
    assert sent(links, queue="feedback_queue", source="architect") == Passage((ARRIVED_NS,))
    assert sent(links, queue="feedback_queue", source="executor").arrivals_ns == ()


def test_the_first_rule_in_the_scenario_decides() -> None:
    slow = rule("delay", "slow", queue="telemetry_stream", delay_ns=5)
    twice = rule("duplicate", "twice", queue="telemetry_stream")
    assert [b.rule for b in bodies(sent(links_of(slow, twice)))] == ["slow"]  # type: ignore[attr-defined]
    assert [b.rule for b in bodies(sent(links_of(twice, slow)))] == ["twice"]  # type: ignore[attr-defined]


link_rules = st.lists(
    st.builds(
        rule,
        st.sampled_from(["drop", "duplicate", "delay", "reorder", "corrupt"]),
        st.sampled_from(["a", "b", "c"]),
        queue=st.just("telemetry_stream"),
        rate=st.floats(0.01, 1.0),
        delay_ns=st.integers(1, 10**12),
    ),
    max_size=4,
)


@given(link_rules, st.integers(0, 99), st.integers(0, 5))
def test_a_passage_keeps_the_rules_of_the_port(rules: list[ActiveRule], seed: int, most: int) -> None:
    links = links_of(*rules, redeliveries_max=most, seed=seed)
    passage = sent(links)
    assert passage == sent(links)
    assert list(passage.arrivals_ns) == sorted(passage.arrivals_ns)
    assert all(arrived_ns >= ARRIVED_NS for arrived_ns in passage.arrivals_ns)
    times = [SENT_NS, *(fact.time_ns for fact in passage.facts)]
    assert times == sorted(times)
    letters = [isinstance(body, DeliveryDeadLettered) for body in bodies(passage)]
    assert any(letters) == (not passage.arrivals_ns)
    assert not any(letters[:-1])
