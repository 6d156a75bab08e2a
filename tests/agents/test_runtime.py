"""Runtime: an agent as a server with a queue, its attempts, and what it may put on the log."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.agent import Context
from agents.runtime import REASON_CHARACTERS_MAX, RetryPolicy
from bus.bodies import Body, FeedbackGiven, LimitReached, ModelCalled, TruthLabelled
from bus.events import Draft, Handling, Message
from tests.agents.builders import SECOND_NS, ScriptedModel, bad, good, request, runtime_of, telemetry

FACT = Draft(TruthLabelled("none"))
FEEDBACK = Draft(FeedbackGiven("duplication", True, "m"), "out")


def nothing(message: Message, context: Context) -> Sequence[Draft]:
    return ()


def computing(duration_ns: int) -> Callable[[Message, Context], Sequence[Draft]]:
    def act(message: Message, context: Context) -> Sequence[Draft]:
        context.compute(duration_ns)
        return [FACT]

    return act


def failing(message: Message, context: Context) -> Sequence[Draft]:
    raise ValueError("no idea")


def bodies_of(handling: Handling) -> list[type[Body]]:
    return [type(draft.data) for draft in handling.drafts]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 80)), min_size=1, max_size=20))
def test_a_delivery_starts_when_it_is_there_and_the_agent_is_free(steps: list[tuple[int, int]]) -> None:
    work_ns = iter([work for _, work in steps])

    def act(message: Message, context: Context) -> Sequence[Draft]:
        assert context.now_ns >= message.time_ns
        context.compute(next(work_ns))
        return ()

    runtime = runtime_of(act)
    arrived_ns = free_ns = 0
    for number, (gap_ns, work) in enumerate(steps):
        arrived_ns += gap_ns
        (handling,) = runtime.handle(telemetry(arrived_ns, number))
        assert handling.started_ns == max(arrived_ns, free_ns)
        assert handling.finished_ns == handling.started_ns + max(work, 10)
        free_ns = handling.finished_ns
        assert runtime.free_ns == free_ns
    assert runtime.handled_count == len(steps)


def test_service_time_is_compute_and_model_latency_together() -> None:
    def act(message: Message, context: Context) -> Sequence[Draft]:
        context.compute(100)
        context.models.complete(request())
        context.models.complete(request("cloud"))
        context.compute(11)
        return ()

    models = {
        "local": ScriptedModel("local", good(latency_ns=1000)),
        "cloud": ScriptedModel("cloud", bad(5000)),
    }
    (handling,) = runtime_of(act, models=models).handle(telemetry(7))  # type: ignore[arg-type]
    assert (handling.started_ns, handling.finished_ns) == (7, 7 + 100 + 1000 + 5000 + 11)
    assert bodies_of(handling) == [ModelCalled, ModelCalled]


def test_no_handling_takes_less_than_the_agents_least_service_time() -> None:
    (handling,) = runtime_of(nothing).handle(telemetry(5))
    assert handling == Handling(1, "acknowledged", 5, 15)


def test_model_calls_come_before_drafts_in_the_order_they_were_made() -> None:
    def act(message: Message, context: Context) -> Sequence[Draft]:
        context.models.complete(request(prompt="first"))
        context.models.complete(request(prompt="second"))
        return [FACT, FEEDBACK]

    (handling,) = runtime_of(act).handle(telemetry())
    calls = [draft.data for draft in handling.drafts if isinstance(draft.data, ModelCalled)]
    assert [call.call_number for call in calls] == [1, 2]
    assert bodies_of(handling) == [ModelCalled, ModelCalled, TruthLabelled, FeedbackGiven]
    assert [draft.queue for draft in handling.drafts] == [None, None, None, "out"]


def test_a_failing_delivery_is_tried_again_with_growing_pauses_and_then_given_up() -> None:
    runtime = runtime_of(failing, retry=RetryPolicy(attempts_max=4, backoff_ns=100))
    attempts = runtime.handle(telemetry(0))
    assert [(a.attempt, a.outcome, a.started_ns, a.finished_ns) for a in attempts] == [
        (1, "failed", 0, 10),
        (2, "failed", 110, 120),
        (3, "failed", 320, 330),
        (4, "dead_lettered", 730, 740),
    ]
    assert {attempt.reason for attempt in attempts} == {"ValueError: no idea"}
    assert [list(attempt.drafts) for attempt in attempts[:-1]] == [[], [], []]
    assert attempts[-1].drafts == (Draft(LimitReached("delivery_attempts_max", "echo", 4)),)
    assert (runtime.handled_count, runtime.free_ns) == (0, 740)


def test_an_attempt_that_succeeds_ends_the_trying() -> None:
    tries = iter([failing, failing, computing(50)])

    def act(message: Message, context: Context) -> Sequence[Draft]:
        drafts: Sequence[Draft] = next(tries)(message, context)
        return drafts

    runtime = runtime_of(act, retry=RetryPolicy(attempts_max=5, backoff_ns=1))
    attempts = runtime.handle(telemetry())
    assert [attempt.outcome for attempt in attempts] == ["failed", "failed", "acknowledged"]
    assert runtime.handled_count == 1


def test_the_agent_waits_out_a_failing_delivery_so_the_order_holds() -> None:
    runtime = runtime_of(failing, retry=RetryPolicy(attempts_max=2, backoff_ns=100))
    runtime.handle(telemetry(0, 1))
    assert runtime.handle(telemetry(1, 2))[0].started_ns == 120


def test_calls_of_a_failed_attempt_stay_on_the_log_and_their_money_is_spent() -> None:
    def act(message: Message, context: Context) -> Sequence[Draft]:
        context.models.complete(request("cloud"))
        raise ValueError("after the call")

    runtime = runtime_of(act, retry=RetryPolicy(attempts_max=2, backoff_ns=1))
    attempts = runtime.handle(telemetry())
    calls = [
        draft.data for attempt in attempts for draft in attempt.drafts if isinstance(draft.data, ModelCalled)
    ]
    assert [bodies_of(attempt) for attempt in attempts] == [[ModelCalled], [ModelCalled, LimitReached]]
    assert runtime.ledger.spent_nanousd == sum(call.cost_nanousd for call in calls) > 0
    assert attempts[0].finished_ns - attempts[0].started_ns == calls[0].latency_ns


def test_each_attempt_draws_from_a_stream_of_its_own() -> None:
    drawn: list[float] = []

    def act(message: Message, context: Context) -> Sequence[Draft]:
        drawn.append(context.random.random())
        raise ValueError("again")

    for _ in range(2):
        runtime_of(act).handle(telemetry(number=1))
    runtime_of(act).handle(telemetry(number=2))
    assert drawn[:3] == drawn[3:6]
    assert len(set(drawn)) == 6


def test_a_draft_for_a_queue_that_the_agent_may_not_publish_to_is_a_failed_attempt() -> None:
    def act(message: Message, context: Context) -> Sequence[Draft]:
        return [Draft(TruthLabelled("none"), "execution_queue")]

    attempts = runtime_of(act, retry=RetryPolicy(attempts_max=1)).handle(telemetry())
    assert attempts[0].outcome == "dead_lettered"
    assert attempts[0].reason == "ProtocolError: echo may not publish to 'execution_queue'"
    assert bodies_of(attempts[0]) == [LimitReached]


def test_a_broken_assertion_is_our_mistake_and_is_not_swallowed() -> None:
    def act(message: Message, context: Context) -> Sequence[Draft]:
        raise AssertionError("never")

    with pytest.raises(AssertionError, match="never"):
        runtime_of(act).handle(telemetry())


def test_a_long_reason_is_cut() -> None:
    def act(message: Message, context: Context) -> Sequence[Draft]:
        raise ValueError("x" * 10_000)

    assert len(runtime_of(act).handle(telemetry())[0].reason) == REASON_CHARACTERS_MAX


def test_only_bodies_that_an_agent_folds_reach_its_state() -> None:
    runtime = runtime_of(lambda message, context: [FACT, FEEDBACK])
    runtime.handle(telemetry())
    assert runtime.agent.pattern_count() == 1
    assert runtime.stopped().pattern_count == 1


def test_state_at_the_end_covers_the_money_too() -> None:
    rich, poor = runtime_of(nothing, granted_nanousd=10), runtime_of(nothing, granted_nanousd=9)
    assert rich.stopped().state_sha256 != poor.stopped().state_sha256
    assert rich.stopped() == runtime_of(nothing, granted_nanousd=10).stopped()


def test_the_first_pause_is_one_second_unless_told_otherwise() -> None:
    first, second, *_ = runtime_of(failing).handle(telemetry())
    assert second.started_ns - first.finished_ns == SECOND_NS
