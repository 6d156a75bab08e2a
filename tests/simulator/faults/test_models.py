"""FaultyModel: each kind does what it says, is told, and never costs more than was reserved."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.agent import Tier
from agents.ledger import Ledger
from agents.models.broker import Broker
from agents.models.mock import MockModel
from agents.models.model import Answer, Model, token_count
from bus.bodies import FaultInjected
from simulator.faults.kinds import MODEL_KINDS
from simulator.faults.models import INVALID_START, REFUSAL, FaultyModel
from simulator.faults.rules import ActiveRule, Window
from simulator.streams import Streams
from tests.agents.builders import ScriptedModel, bad, request, spec_of
from tests.simulator.faults.builders import SECOND_NS, rule

PROMPT = "plan the work"


def mock(tier: Tier = "cloud") -> MockModel:
    return MockModel(spec_of(tier), Random)


def faulty(*rules: ActiveRule, inner: Model | None = None, seed: int = 1) -> FaultyModel:
    return FaultyModel(inner or mock(), rules, Streams(seed), "executor")


def answer_of(model: Model, key: str = "k/1", at_ns: int = 5, output_tokens_max: int = 500) -> Answer:
    return model.answer(PROMPT, output_tokens_max, key, at_ns)


PLAIN = answer_of(mock())


def struck(kind: str, **fields: object) -> Answer:
    """The answer to a call that the rule strikes; that it was struck is told."""
    answer = answer_of(faulty(rule(kind, tier="cloud", **fields)))  # type: ignore[arg-type]
    (fault,) = answer.faults
    assert (fault.rule, fault.kind, fault.target) == ("r", kind, "gpt-5")
    return answer


def facts(answer: Answer) -> tuple[str, str | None, str, int, int]:
    return answer.status, answer.error_type, answer.text, answer.input_tokens, answer.output_tokens


@pytest.mark.parametrize(
    ("kind", "error_type"), [("model_error", "server_error"), ("model_gone", "model_not_found")]
)
def test_a_server_that_turns_a_call_away_bills_nothing(kind: str, error_type: str) -> None:
    answer = struck(kind)
    assert facts(answer) == ("error", error_type, "", 0, 0)
    assert answer.latency_ns > 0


def test_a_rate_limit_says_how_long_to_wait() -> None:
    answer = struck("rate_limit", retry_after_ns=20 * SECOND_NS)
    assert facts(answer) == ("error", "rate_limited", "", 0, 0)
    assert answer.retry_after_ns == answer.faults[0].lasts_ns == 20 * SECOND_NS


def test_a_billed_timeout_takes_the_whole_wait_and_the_money() -> None:
    answer = struck("billed_timeout")
    assert facts(answer) == ("timeout", "billed_timeout", "", PLAIN.input_tokens, PLAIN.output_tokens)
    assert answer.latency_ns == 30 * SECOND_NS


def test_a_truncated_answer_is_a_part_of_the_answer_and_billed_for_it() -> None:
    answer = struck("truncated_answer")
    assert (answer.status, answer.error_type) == ("error", "truncated")
    assert PLAIN.text.startswith(answer.text)
    assert 0 < len(answer.text) < len(PLAIN.text)
    assert 0 < answer.output_tokens < PLAIN.output_tokens
    assert answer.input_tokens == PLAIN.input_tokens


def test_an_invalid_answer_and_a_refusal_are_kept_and_billed() -> None:
    invalid, refusal = struck("invalid_answer"), struck("refusal")
    assert facts(invalid)[:3] == ("error", "invalid_answer", INVALID_START + PLAIN.text)
    assert facts(invalid)[3:] == (PLAIN.input_tokens, PLAIN.output_tokens)
    assert facts(refusal)[:3] == ("error", "refusal", REFUSAL)
    assert refusal.output_tokens == token_count(REFUSAL)


def test_a_cost_spike_is_a_good_answer_that_costs_all_that_was_reserved() -> None:
    answer = struck("cost_spike")
    assert facts(answer) == ("ok", None, PLAIN.text, token_count(PROMPT), 500)
    assert answer.latency_ns >= PLAIN.latency_ns
    broker = Broker({"cloud": faulty(rule("cost_spike", tier="cloud"))}, Ledger(10**12), "k", lambda: 0)
    broker.complete(request("cloud"))
    assert broker.calls[0].cost_nanousd == broker.calls[0].reserved_nanousd > 0


def test_a_rule_is_about_its_own_tier_and_its_own_time() -> None:
    window = (Window(10, 20),)
    model = faulty(rule("refusal", tier="cloud", windows=window), rule("refusal", tier="local"))
    assert [answer_of(model, at_ns=at_ns).status for at_ns in (9, 10, 19, 20)] == [
        "ok",
        "error",
        "error",
        "ok",
    ]
    assert answer_of(model, at_ns=9) == PLAIN


def test_a_rule_about_answers_leaves_a_call_alone_that_failed_by_itself() -> None:
    inner = ScriptedModel("cloud", bad())
    for kind in ("billed_timeout", "truncated_answer", "invalid_answer", "refusal", "cost_spike"):
        assert answer_of(faulty(rule(kind, tier="cloud"), inner=inner)) == bad()


def test_the_first_rule_that_strikes_decides() -> None:
    first, second = rule("refusal", "first", tier="cloud"), rule("cost_spike", "second", tier="cloud")
    assert [fault.rule for fault in answer_of(faulty(first, second)).faults] == ["first"]
    assert [fault.rule for fault in answer_of(faulty(second, first)).faults] == ["second"]


def test_a_rule_hits_its_share_of_the_calls_and_the_others_are_as_they_were() -> None:
    model = faulty(rule("refusal", tier="cloud", rate=0.25))
    answers = [(answer_of(model, f"k{n}/1"), answer_of(mock(), f"k{n}/1")) for n in range(1000)]
    assert sum(bool(answer.faults) for answer, _ in answers) / 1000 == pytest.approx(0.25, abs=0.05)
    assert all(answer == plain for answer, plain in answers if not answer.faults)


def test_two_agents_do_not_share_their_luck() -> None:
    share = rule("refusal", tier="cloud", rate=0.5)
    struck_calls = [
        [
            bool(answer_of(FaultyModel(mock(), [share], Streams(1), agent), f"k{n}/1").faults)
            for n in range(64)
        ]
        for agent in ("architect", "executor")
    ]
    assert struck_calls[0] != struck_calls[1]


model_rules = st.lists(
    st.builds(
        rule,
        st.sampled_from(sorted(MODEL_KINDS)),
        st.sampled_from(["a", "b", "c"]),
        tier=st.sampled_from(["local", "cloud"]),
        rate=st.floats(0.05, 1.0),
        retry_after_ns=st.integers(0, 10**11),
    ),
    max_size=5,
)


@given(model_rules, st.integers(0, 20), st.integers(1, 3_000), st.integers(0, 10**8))
def test_no_fault_makes_a_call_cost_more_than_was_reserved(
    rules: list[ActiveRule], seed: int, output_tokens_max: int, granted: int
) -> None:
    models: dict[Tier, Model] = {
        "local": faulty(*rules, inner=mock("local"), seed=seed),
        "cloud": faulty(*rules, inner=mock("cloud"), seed=seed),
    }
    broker = Broker(models, Ledger(granted), f"key-{seed}", lambda: 0)
    tiers: tuple[Tier, ...] = ("local", "cloud", "cloud")
    for tier in tiers:
        wanted = request(tier, PROMPT, output_tokens_max)
        if broker.can_afford(wanted):
            completion = broker.complete(wanted)
            assert (completion.answer == "") == (completion.status != "ok")
    assert all(0 <= call.cost_nanousd <= call.reserved_nanousd for call in broker.calls)
    assert sum(call.cost_nanousd for call in broker.calls) <= granted
    assert all(isinstance(fault, FaultInjected) for fault in broker.faults)
