"""Broker, ledger and mock model: money is reserved before a call, settled after it, and never overspent."""

from collections.abc import Sequence
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.agent import BudgetExhausted, Context, ModelRequest, Tier
from agents.ledger import Ledger
from agents.models.broker import CALLS_MAX, Broker
from agents.models.mock import MockModel
from agents.models.model import Answer, Model, token_count
from bus.bodies import FaultInjected, LimitReached, PatternDetected, TaskCreated
from bus.events import Delivery, Draft, Message
from simulator.compose import agent_settings
from simulator.compose_agent import build_runtime
from simulator.scenario_file import load_scenario
from tests.agents.builders import (
    ScriptedModel,
    bad,
    good,
    mock_models,
    request,
    runtime_of,
    spec_of,
    telemetry,
)

requests = st.builds(
    ModelRequest,
    st.just("plan"),
    st.sampled_from(["local", "cloud"]),
    st.text(max_size=300),
    st.integers(1, 5_000),
)


@given(
    st.integers(0, 10**8),
    st.lists(st.lists(requests, max_size=6), max_size=6),
    st.floats(0, 0.5),
    st.integers(0, 99),
)
@settings(max_examples=60)
def test_an_agent_never_spends_more_than_it_was_granted(
    granted: int, handlings: list[list[ModelRequest]], share: float, seed: int
) -> None:
    ledger = Ledger(granted)
    models = mock_models(seed, error_share=share, timeout_share=share / 2)
    for number, wanted in enumerate(handlings):
        broker = Broker(models, ledger, f"k{number}", lambda: 0)
        for one in wanted:
            affordable = broker.can_afford(one)
            if affordable:
                broker.complete(one)
            else:
                with pytest.raises(BudgetExhausted, match="are left"):
                    broker.complete(one)
        assert ledger.spent_nanousd <= granted
        for call in broker.calls:
            assert 0 <= call.cost_nanousd <= call.reserved_nanousd
            ledger.apply(call)
    assert 0 <= ledger.spent_nanousd <= granted
    assert ledger.remaining_nanousd == granted - ledger.spent_nanousd


def test_a_call_reserves_the_most_that_it_could_cost_and_settles_what_it_did() -> None:
    spec = spec_of("cloud")
    broker = Broker(mock_models(), Ledger(10**9), "k", lambda: 0)
    broker.complete(request("cloud", "x" * 40, 1000))
    (call,) = broker.calls
    assert call.reserved_nanousd == 10 * spec.input_nanousd_per_token + 1000 * spec.output_nanousd_per_token
    assert call.cost_nanousd == spec.cost_nanousd(call.input_tokens, call.output_tokens)
    assert (call.input_tokens, call.provider_name, call.request_model) == (10, "mock", "gpt-5")


def test_a_refused_call_costs_nothing_takes_no_time_and_is_not_on_record() -> None:
    broker = Broker(mock_models(), Ledger(100), "k", lambda: 0)
    with pytest.raises(BudgetExhausted):
        broker.complete(request("cloud"))
    assert (broker.calls, broker.elapsed_ns) == ([], 0)
    assert broker.can_afford(request("local"))


def test_money_that_one_call_took_is_gone_for_the_next_of_the_same_handling() -> None:
    one = request("cloud", "x" * 4000, 1000)
    broker = Broker(mock_models(), Ledger(spec_of("cloud").cost_nanousd(1000, 1000)), "k", lambda: 0)
    assert broker.can_afford(one)
    broker.complete(one)
    assert not broker.can_afford(one)


def test_a_handling_makes_no_more_calls_than_the_limit() -> None:
    broker = Broker(mock_models(), Ledger(0), "k", lambda: 0)
    for _ in range(CALLS_MAX):
        broker.complete(request())
    with pytest.raises(BudgetExhausted, match="32 model calls in one handling"):
        broker.complete(request())
    assert [call.call_number for call in broker.calls] == list(range(1, CALLS_MAX + 1))


def test_a_failed_call_is_on_record_with_its_time() -> None:
    models = {"local": ScriptedModel("local", bad(77)), "cloud": ScriptedModel("cloud", good())}
    broker = Broker(models, Ledger(0), "k", lambda: 0)  # type: ignore[arg-type]
    completion = broker.complete(request())
    assert (completion.status, completion.answer, broker.elapsed_ns) == ("error", "", 77)
    assert (broker.calls[0].status, broker.calls[0].cost_nanousd) == ("error", 0)


def test_an_answer_that_is_of_no_use_is_kept_on_record_and_from_the_agent() -> None:
    fault = FaultInjected("r", "refusal", "m")
    refusal = Answer("error", "I cannot.", 10, 3, 5, "refusal", faults=(fault,))
    broker = Broker({"cloud": ScriptedModel("cloud", refusal)}, Ledger(10**9), "k", lambda: 0)
    completion = broker.complete(request("cloud"))
    assert (completion.status, completion.answer, completion.error_type) == ("error", "", "refusal")
    (call,) = broker.calls
    assert (call.status, call.answer, call.error_type) == ("error", "I cannot.", "refusal")
    assert call.cost_nanousd == spec_of("cloud").cost_nanousd(10, 3)
    assert broker.faults == [fault]


def test_a_call_is_made_at_the_moment_up_to_which_the_handling_has_come() -> None:
    asked_at: list[int] = []

    class Dated(ScriptedModel):
        def answer(self, prompt: str, output_tokens_max: int, call_key: str, at_ns: int) -> Answer:
            asked_at.append(at_ns)
            return super().answer(prompt, output_tokens_max, call_key, at_ns)

    def act(message: Message, context: Context) -> Sequence[Draft]:
        context.models.complete(request())
        context.compute(1000)
        context.models.complete(request())
        context.models.wait(20)
        context.models.complete(request())
        return ()

    models: dict[Tier, Model] = {"local": Dated("local", good(latency_ns=300))}
    (handling,) = runtime_of(act, models=models).handle(telemetry(50_000))
    assert asked_at == [50_000, 51_300, 51_620]
    assert handling.finished_ns == 51_920


class CountingStream(Random):
    """A stream that remembers for which key it was made."""


def asked_keys(prompt: str, key: str) -> tuple[list[str], object]:
    keys: list[str] = []

    def stream_of(name: str) -> Random:
        keys.append(name)
        return CountingStream(name)

    answer = MockModel(spec_of("cloud"), stream_of).answer(prompt, 500, key, 0)
    return keys, answer


def test_only_the_prompt_and_the_stream_of_the_call_decide_the_answer() -> None:
    keys, answer = asked_keys("Plan the work.", "workload-1.0/1")
    assert keys == ["workload-1.0/1"]
    assert asked_keys("Plan the work.", "workload-1.0/1")[1] == answer
    assert asked_keys("Plan the work.", "workload-1.0/2")[1] != answer


def test_prompts_of_one_length_get_one_answer_whatever_they_say() -> None:
    assert asked_keys("critical_error", "k")[1] == asked_keys("feature_reques", "k")[1]


@pytest.mark.parametrize(("error_share", "timeout_share"), [(0.0, 0.0), (0.1, 0.05), (0.5, 0.5)])
def test_errors_and_timeouts_have_the_shares_that_the_scenario_says(
    error_share: float, timeout_share: float
) -> None:
    spec = spec_of("local", error_share=error_share, timeout_share=timeout_share)
    model = MockModel(spec, lambda key: Random(key))
    answers = [model.answer("p", 100, f"k{number}", 0) for number in range(4000)]
    for status, share in (("error", error_share), ("timeout", timeout_share)):
        found = sum(answer.status == status for answer in answers) / len(answers)
        assert found == pytest.approx(share, abs=0.025)
        assert (found == 0) == (share == 0)


def test_a_timeout_takes_as_long_as_the_caller_waits_and_an_error_has_no_answer() -> None:
    late = MockModel(spec_of("local", timeout_share=1.0), Random).answer("p", 100, "k", 0)
    assert (late.status, late.text, late.output_tokens, late.latency_ns) == ("timeout", "", 0, 30_000_000_000)
    failed = MockModel(spec_of("local", error_share=1.0), Random).answer("p", 100, "k", 0)
    assert (failed.status, failed.text, failed.input_tokens, failed.output_tokens) == ("error", "", 0, 0)


@given(st.integers(1, 5_000), st.text(max_size=50), st.text(max_size=500))
def test_an_answer_stays_within_the_tokens_asked_for(output_tokens_max: int, key: str, prompt: str) -> None:
    answer = MockModel(spec_of("cloud"), Random).answer(prompt, output_tokens_max, key, 0)
    assert 1 <= answer.output_tokens <= output_tokens_max
    assert answer.latency_ns > 0
    assert answer.input_tokens == token_count(prompt)


def test_an_answer_that_takes_longer_than_the_caller_waits_is_a_timeout() -> None:
    answer = MockModel(spec_of("cloud", timeout_ms=1000), Random).answer("p", 5_000, "k", 0)
    assert (answer.status, answer.text, answer.latency_ns) == ("timeout", "", 1_000_000_000)


def test_a_verdict_is_pass_or_fail_in_the_known_proportion() -> None:
    model = MockModel(spec_of("local"), Random)
    verdicts = [model.answer("Is it done? Answer PASS or FAIL.", 16, f"k{n}", 0).text for n in range(3000)]
    assert sorted(set(verdicts)) == ["FAIL", "PASS"]
    assert verdicts.count("PASS") / len(verdicts) == pytest.approx(0.92, abs=0.02)


@pytest.mark.parametrize(("text", "tokens"), [("", 1), ("a", 1), ("abcd", 1), ("abcde", 2), ("x" * 400, 100)])
def test_tokens_are_counted_at_four_characters_each(text: str, tokens: int) -> None:
    assert token_count(text) == tokens


def test_every_tier_of_the_soak_has_a_model_with_its_prices() -> None:
    tiers: tuple[Tier, ...] = ("local", "cloud")
    assert [spec_of(tier).tier for tier in tiers] == ["local", "cloud"]
    assert spec_of("local").cost_nanousd(10**6, 10**6) == 0
    assert spec_of("cloud").cost_nanousd(10**6, 0) == 1_250_000_000
    assert spec_of("cloud").cost_nanousd(0, 10**6) == 10_000_000_000


def test_that_a_grant_does_not_cover_a_call_is_said_once_and_survives_a_rebuild() -> None:
    poor = msgspec.structs.replace(
        agent_settings(load_scenario("soak"), "architect"), granted_nanousd=1_000_000
    )
    runtime = build_runtime(poor)
    pattern = PatternDetected("critical_error", 0.95, 0.9, "the process died", "critical", 0.0, None, [])
    drafts: list[Draft] = []
    for n in range(4):
        message = Message(n, "witness", "improvement_queue", pattern)
        for handling in runtime.handle(Delivery(f"workload-{n}.1", n, message)):
            drafts += handling.drafts
    told = [draft.data for draft in drafts if isinstance(draft.data, LimitReached)]
    assert told == [LimitReached("budget_granted_nanousd", "architect", 1_000_000)]
    tasks = [draft.data for draft in drafts if isinstance(draft.data, TaskCreated)]
    assert {task.tier for task in tasks} == {"local"}
    rebuilt = build_runtime(poor)
    for draft in drafts:
        rebuilt.apply(draft.data)
    assert rebuilt.stopped().state_sha256 == runtime.stopped().state_sha256
