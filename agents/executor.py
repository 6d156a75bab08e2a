"""EXECUTOR: gives a task to its sub-agent, checks the result and reports back.

Must not plan, and must not know the truth.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import ClassVar

from agents.agent import Context
from agents.calling import complete_somewhere
from agents.policy import Policy, policies
from bus.bodies import Body, FeedbackGiven, TaskCompleted, TaskCreated, TaskFailed
from bus.errors import ProtocolError
from bus.events import Draft, Message

ROUNDS_MAX = 2
"""How often a sub-agent may try before the task has failed."""
VERDICT_TOKENS_MAX = 16
_NS_PER_S = 1_000_000_000


class Executor:
    """Delegates each kind of task to the sub-agent that its policy names, and verifies with a local model.

    The verdict becomes the outcome of the task, and the feedback for WITNESS unless somebody else gives it.
    As feedback it is what the verifier said: with mock models it carries no knowledge of the truth.
    """

    name: ClassVar[str] = "executor"
    consumes: ClassVar[tuple[str, ...]] = ("execution_queue",)
    publishes: ClassVar[tuple[str, ...]] = ("feedback_queue",)
    folds: ClassVar[tuple[type[Body], ...]] = (TaskCompleted, TaskFailed)
    service_ns_min: ClassVar[int] = 60 * _NS_PER_S

    def __init__(self, *, gives_feedback: bool = True) -> None:
        self._gives_feedback = gives_feedback
        self._completed_count = 0
        self._failed_count = 0

    def foresee(self, messages: Sequence[Message]) -> None:
        """Nothing can be done ahead."""

    def handle(self, message: Message, context: Context) -> Sequence[Draft]:
        task = message.data
        if not isinstance(task, TaskCreated):
            raise ProtocolError(f"executor cannot execute {task.TYPE}")
        policy = policies()[task.kind]
        for round_number in range(1, ROUNDS_MAX + 1):
            summary = _delegate(task, policy, round_number, context)
            if _is_verified(task, summary, context):
                return self._outcome(task, TaskCompleted(task.kind, task.delegate, summary), confirmed=True)
        reason = f"the result did not pass verification in {ROUNDS_MAX} rounds"
        return self._outcome(task, TaskFailed(task.kind, task.delegate, reason), confirmed=False)

    def apply(self, body: Body) -> None:
        if isinstance(body, TaskCompleted):
            self._completed_count += 1
        elif isinstance(body, TaskFailed):
            self._failed_count += 1

    def state_sha256(self) -> str:
        return sha256(f"completed {self._completed_count} failed {self._failed_count}".encode()).hexdigest()

    def pattern_count(self) -> int:
        return 0

    def _outcome(
        self, task: TaskCreated, outcome: TaskCompleted | TaskFailed, *, confirmed: bool
    ) -> list[Draft]:
        if not self._gives_feedback:
            return [Draft(outcome)]
        return [Draft(outcome), Draft(FeedbackGiven(task.kind, confirmed, task.message), "feedback_queue")]


def _delegate(task: TaskCreated, policy: Policy, round_number: int, context: Context) -> str:
    """Run the sub-agent's steps; a further round repeats only the local ones, on the money already spent."""
    answer = ""
    for step in policy.steps:
        if round_number > 1 and step.tier == "cloud":
            continue
        prompt = (
            f"You are {task.delegate}. Step: {step.name}.\n"
            f"Task: {task.title}\nPlan: {task.plan}\nSo far: {answer}"
        )
        completion, _ = complete_somewhere(
            context.models, "delegate", step.tier, prompt, step.output_tokens_max
        )
        answer = completion.answer
    context.compute(context.random.randint(policy.work_s_min, policy.work_s_max) * _NS_PER_S)
    return answer


def _is_verified(task: TaskCreated, summary: str, context: Context) -> bool:
    prompt = (
        f"Task: {task.title}\nReport: {task.message}\nResult: {summary}\nIs it done? Answer PASS or FAIL."
    )
    completion, _ = complete_somewhere(context.models, "verify", "local", prompt, VERDICT_TOKENS_MAX)
    return completion.answer.strip().upper().startswith("PASS")
