"""ARCHITECT and EXECUTOR: who plans, who works, what a case costs, and what happens when models fail."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.agent import ModelsUnavailable, Tier
from agents.architect import TITLE_CHARACTERS_MAX, Architect
from agents.calling import complete_somewhere
from agents.executor import ROUNDS_MAX, Executor
from agents.models.model import Model
from bus.bodies import (
    Body,
    FeedbackGiven,
    PatternDetected,
    PatternKind,
    TaskCompleted,
    TaskCreated,
    TaskFailed,
    TelemetryReceived,
)
from bus.errors import ProtocolError
from bus.events import Message
from tests.agents.builders import (
    KINDS,
    FixedContext,
    ScriptedModel,
    bad,
    context_of,
    good,
    mock_models,
    pattern,
    task_of,
)

USD = 1_000_000_000
SEEDS = range(150)
TELEMETRY = Message(0, "workload", "telemetry_stream", TelemetryReceived("m"))


def models_of(local: ScriptedModel, cloud: ScriptedModel) -> dict[Tier, Model]:
    return {"local": local, "cloud": cloud}


def answering(text: str = "PASS") -> dict[Tier, Model]:
    return models_of(ScriptedModel("local", good(text)), ScriptedModel("cloud", good(text)))


def as_message(task: TaskCreated) -> Message:
    return Message(0, "architect", "execution_queue", task)


class Case(NamedTuple):
    planned: FixedContext
    done: FixedContext
    task: TaskCreated
    outcome: Body

    @property
    def cost_usd(self) -> float:
        calls = [*self.planned.models.calls, *self.done.models.calls]
        return sum(call.cost_nanousd for call in calls) / USD


def case_of(kind: PatternKind, seed: int, message: str = "it broke", severity: str | None = "high") -> Case:
    """A pattern planned and worked on with mock models that never fail."""
    planned, done = context_of(mock_models(seed), seed=seed), context_of(mock_models(-seed - 1), seed=seed)
    task = task_of(Architect().handle(pattern(kind, message, severity), planned))
    outcome = Executor().handle(as_message(task), done)[0].data
    return Case(planned, done, task, outcome)


@pytest.mark.parametrize(
    ("kind", "least_usd", "most_usd"),
    [
        ("critical_error", 0.05, 0.10),
        ("constitution_violation", 0.02, 0.05),
        ("feature_request", 0.0, 0.01),
        ("duplication", 0.03, 0.06),
        ("flaky_test", 0.02, 0.04),
    ],
)
def test_a_case_costs_what_the_document_says_for_its_kind(
    kind: PatternKind, least_usd: float, most_usd: float
) -> None:
    long_message = "The build broke again and nobody knows why. " * 5
    for message, severity in (("it broke", "high"), (long_message, "critical")):
        costs = [case_of(kind, seed, message, severity).cost_usd for seed in SEEDS]
        assert least_usd <= min(costs)
        assert max(costs) <= most_usd


@pytest.mark.parametrize(
    ("kind", "delegate", "priority", "tier"),
    [
        ("critical_error", "EmergencyFix", "critical", "cloud"),
        ("constitution_violation", "QualityEnforcer", "high", "local"),
        ("feature_request", "ImplementationQueue", "normal", "local"),
        ("duplication", "AgencyCodeAgent", "normal", "local"),
        ("flaky_test", "TestGenerator", "high", "local"),
    ],
)
def test_each_kind_has_its_delegate_priority_and_planning_tier(
    kind: PatternKind, delegate: str, priority: str, tier: str
) -> None:
    task = case_of(kind, 1).task
    assert (task.kind, task.delegate, task.priority, task.tier) == (kind, delegate, priority, tier)
    assert task.planned_by == {"cloud": "gpt-5", "local": "qwen2.5-coder:1.5b"}[tier]


def test_feature_requests_and_only_they_are_done_without_the_cloud() -> None:
    for kind in KINDS:
        tiers = {call.tier for call in case_of(kind, 1).done.models.calls}
        assert tiers == ({"local"} if kind == "feature_request" else {"local", "cloud"})


@pytest.mark.parametrize(
    ("message", "severity", "tier"),
    [
        ("a" * 159, "low", "local"),
        ("a" * 160, "low", "cloud"),
        ("short", "CRITICAL", "cloud"),
        ("short", None, "local"),
    ],
)
def test_a_complex_feature_request_is_planned_in_the_cloud(
    message: str, severity: str | None, tier: str
) -> None:
    context = context_of(mock_models())
    assert task_of(Architect().handle(pattern("feature_request", message, severity), context)).tier == tier


def test_a_task_carries_the_report_and_a_title_that_fits_one_line() -> None:
    message = "Traceback\n" + "word " * 100
    task = task_of(Architect().handle(pattern("critical_error", message), context_of(mock_models())))
    assert task.message == message
    assert task.title.startswith("Emergency fix: Traceback word word")
    assert "\n" not in task.title
    assert len(task.title) <= len("Emergency fix: ") + TITLE_CHARACTERS_MAX


def test_braces_in_a_report_are_text_and_not_a_template() -> None:
    task = task_of(
        Architect().handle(pattern("duplication", "{kind} {0} {message}"), context_of(mock_models()))
    )
    assert task.title == "Consolidate: {kind} {0} {message}"


def test_the_local_model_plans_when_the_cloud_cannot_be_afforded() -> None:
    context = context_of(mock_models(), granted_nanousd=1000)
    task = task_of(Architect().handle(pattern("critical_error"), context))
    assert task.tier == "local"
    assert [call.tier for call in context.models.calls] == ["local"]


def test_the_local_model_plans_when_the_cloud_fails_twice() -> None:
    context = context_of(models_of(ScriptedModel("local", good()), ScriptedModel("cloud", bad())))
    task = task_of(Architect().handle(pattern("critical_error"), context))
    assert task.tier == "local"
    assert [(call.tier, call.status) for call in context.models.calls] == [
        ("cloud", "error"),
        ("cloud", "error"),
        ("local", "ok"),
    ]


@pytest.mark.parametrize(
    ("tier", "order"), [("cloud", ["cloud", "cloud", "local"]), ("local", ["local", "local", "cloud"])]
)
def test_a_call_is_tried_on_its_tier_again_and_then_on_the_other(tier: Tier, order: list[str]) -> None:
    context = context_of(models_of(ScriptedModel("local", bad()), ScriptedModel("cloud", bad())))
    with pytest.raises(ModelsUnavailable, match=r"no model answered for plan: .*error, .*error, .*error"):
        complete_somewhere(context.models, "plan", tier, "prompt", 10)
    assert [call.tier for call in context.models.calls] == order


def test_a_tier_over_budget_is_passed_over_without_a_call() -> None:
    context = context_of(
        models_of(ScriptedModel("local", bad()), ScriptedModel("cloud", good())), granted_nanousd=1
    )
    with pytest.raises(ModelsUnavailable, match="cloud: over budget"):
        complete_somewhere(context.models, "plan", "local", "prompt", 10)
    assert [call.tier for call in context.models.calls] == ["local", "local"]


def test_the_first_answer_ends_the_trying() -> None:
    local = ScriptedModel("local", bad(), good("second"))
    context = context_of(models_of(local, ScriptedModel("cloud", good("cloud"))))
    completion, tier = complete_somewhere(context.models, "plan", "local", "prompt", 10)
    assert (completion.answer, tier) == ("second", "local")


@pytest.mark.parametrize("kind", KINDS)
def test_a_verified_task_is_completed_and_confirms_the_detection(kind: PatternKind) -> None:
    task = case_of(kind, 1).task
    outcome, feedback = Executor().handle(as_message(task), context_of(answering("PASS")))
    assert outcome.data == TaskCompleted(kind, task.delegate, "PASS")
    assert outcome.queue is None
    assert (feedback.data, feedback.queue) == (FeedbackGiven(kind, True, task.message), "feedback_queue")


def test_a_task_that_never_passes_has_failed_after_its_rounds_and_refutes_the_detection() -> None:
    task = case_of("flaky_test", 1).task
    context = context_of(answering("FAIL"))
    outcome, feedback = Executor().handle(as_message(task), context)
    assert isinstance(outcome.data, TaskFailed)
    assert feedback.data == FeedbackGiven("flaky_test", False, task.message)
    verified = [call for call in context.models.calls if call.operation_name == "verify"]
    assert len(verified) == ROUNDS_MAX
    assert {call.tier for call in verified} == {"local"}


def test_a_second_round_spends_no_more_on_the_cloud() -> None:
    local = ScriptedModel("local", *[good("FAIL")] * 3, good("PASS"))
    context = context_of(models_of(local, ScriptedModel("cloud", good("FAIL"))))
    Executor().handle(as_message(case_of("flaky_test", 1).task), context)
    assert [call.tier for call in context.models.calls].count("cloud") == 1


def test_executor_declares_the_time_that_its_sub_agent_works() -> None:
    done = case_of("critical_error", 3).done
    assert 60 * 10**9 <= done.computed_ns <= 2 * 150 * 10**9


@pytest.mark.parametrize("agent", [Architect(), Executor()], ids=["architect", "executor"])
def test_an_agent_refuses_what_is_not_for_it(agent: Architect | Executor) -> None:
    with pytest.raises(ProtocolError, match=r"telemetry\.received"):
        agent.handle(TELEMETRY, context_of(mock_models()))


@pytest.mark.parametrize("kind", KINDS)
def test_handling_changes_no_state(kind: PatternKind) -> None:
    architect, executor = Architect(), Executor()
    before = architect.state_sha256(), executor.state_sha256()
    task = task_of(architect.handle(pattern(kind), context_of(mock_models())))
    executor.handle(as_message(task), context_of(mock_models()))
    assert (architect.state_sha256(), executor.state_sha256()) == before


@given(st.lists(st.sampled_from(["created", "completed", "failed", "foreign"]), max_size=20))
def test_state_is_the_fold_of_an_agents_own_bodies_and_of_nothing_else(kinds: list[str]) -> None:
    task = TaskCreated("duplication", "t", "high", "D", "m", "local", "p", "m", 0.9)
    body: dict[str, Body] = {
        "created": task,
        "completed": TaskCompleted("duplication", "D", "s"),
        "failed": TaskFailed("duplication", "D", "r"),
        "foreign": PatternDetected("duplication", 0.9, 0.5, "m", None, 0.0, None, []),
    }
    architects, executors = (Architect(), Architect()), (Executor(), Executor())
    for kind in kinds:
        architects[0].apply(body[kind])
        executors[0].apply(body[kind])
    for kind in kinds:
        if isinstance(body[kind], Architect.folds):
            architects[1].apply(body[kind])
        if isinstance(body[kind], Executor.folds):
            executors[1].apply(body[kind])
    assert architects[0].state_sha256() == architects[1].state_sha256()
    assert executors[0].state_sha256() == executors[1].state_sha256()
    assert (architects[0].state_sha256() == Architect().state_sha256()) == ("created" not in kinds)
    assert (executors[0].state_sha256() == Executor().state_sha256()) == (
        not {"completed", "failed"} & set(kinds)
    )
