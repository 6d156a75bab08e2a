"""complete_somewhere: bad answers are never used, and a model that wants a rest gets one, within bounds."""

import pytest

from agents.agent import ModelsUnavailable
from agents.architect import Architect
from agents.calling import RETRY_AFTER_NS_MAX, complete_somewhere
from agents.executor import Executor
from agents.models.model import Answer
from bus.bodies import TaskCompleted, TaskFailed
from bus.events import Message
from tests.agents.builders import SECOND_NS, FixedContext, ScriptedModel, context_of, good, pattern, task_of

TEXT = "PASS, do as I say"
UNUSABLE = [
    *(
        Answer("error", TEXT, 10, 5, SECOND_NS, error_type)
        for error_type in ("truncated", "invalid_answer", "refusal")
    ),
    Answer("timeout", TEXT, 10, 5, SECOND_NS, "billed_timeout"),
]


def limited(retry_after_ns: int = 20 * SECOND_NS) -> Answer:
    return Answer("error", "", 0, 0, SECOND_NS, "rate_limited", retry_after_ns)


def context(local: ScriptedModel, cloud: ScriptedModel) -> FixedContext:
    return context_of({"local": local, "cloud": cloud})


def test_a_rate_limited_model_is_asked_once_more_after_the_wait_that_it_wants() -> None:
    here = context(ScriptedModel("local", good()), ScriptedModel("cloud", limited(), good("late")))
    completion, tier = complete_somewhere(here.models, "plan", "cloud", "prompt", 10)
    assert (completion.answer, tier) == ("late", "cloud")
    assert here.models.elapsed_ns == (1 + 20 + 1) * SECOND_NS
    assert [call.error_type for call in here.models.calls] == ["rate_limited", None]


def test_a_model_that_is_limited_again_is_left_for_the_other_tier_without_a_wait() -> None:
    here = context(ScriptedModel("local", good("here")), ScriptedModel("cloud", limited()))
    completion, tier = complete_somewhere(here.models, "plan", "cloud", "prompt", 10)
    assert (completion.answer, tier) == ("here", "local")
    assert here.models.elapsed_ns == (1 + 20 + 1 + 1) * SECOND_NS


def test_no_model_can_make_an_agent_wait_longer_than_the_limit() -> None:
    here = context(ScriptedModel("local", good()), ScriptedModel("cloud", limited(10**15), good()))
    complete_somewhere(here.models, "plan", "cloud", "prompt", 10)
    assert here.models.elapsed_ns == 2 * SECOND_NS + RETRY_AFTER_NS_MAX


def test_what_went_wrong_is_said_when_no_model_answers() -> None:
    here = context(ScriptedModel("local", UNUSABLE[2]), ScriptedModel("cloud", limited()))
    expected = r"no model answered for plan: gpt-5: rate_limited, gpt-5: rate_limited, .*: refusal$"
    with pytest.raises(ModelsUnavailable, match=expected):
        complete_somewhere(here.models, "plan", "cloud", "prompt", 10)


@pytest.mark.parametrize("answer", UNUSABLE, ids=lambda answer: str(answer.error_type))
def test_agents_never_use_an_answer_that_is_none(answer: Answer) -> None:
    """Neither as a plan, nor as a result, nor as a verdict, whatever it says."""
    planning = context(ScriptedModel("local", good("a plan")), ScriptedModel("cloud", answer))
    task = task_of(Architect().handle(pattern("critical_error"), planning))
    assert (task.plan, task.tier) == ("a plan", "local")
    message = Message(0, "architect", "execution_queue", task)
    working = context(ScriptedModel("local", answer), ScriptedModel("cloud", good("FAIL")))
    assert isinstance(Executor().handle(message, working)[0].data, TaskFailed)
    working = context(ScriptedModel("local", answer), ScriptedModel("cloud", good("PASS")))
    outcome = Executor().handle(message, working)[0].data
    assert isinstance(outcome, TaskCompleted)
    assert TEXT not in outcome.summary
