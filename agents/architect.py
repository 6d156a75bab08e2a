"""ARCHITECT: turns a detected pattern into a task with a plan.

Must not do the work, and must not know which model a tier is.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import ClassVar

from agents.agent import Context, Tier
from agents.calling import complete_somewhere
from agents.policy import Policy, policies
from bus.bodies import Body, PatternDetected, TaskCreated
from bus.errors import ProtocolError
from bus.events import Draft, Message

TITLE_CHARACTERS_MAX = 120
COMPLEX_CHARACTERS_MIN = 160
"""A message this long is taken for a complex case."""
SEVERE = frozenset({"critical", "fatal", "emergency", "blocker"})
DOUBT_CONFIDENCE_MAX = 0.80
"""A case of high priority that WITNESS is less sure of counts as complex."""


class Architect:
    """Plans by kind, severity, complexity, confidence and what is left of the budget.

    Critical errors go to the cloud model; everything else is planned locally unless it is complex and its
    policy says otherwise. When the cloud cannot be afforded or does not answer, the local model plans.
    """

    name: ClassVar[str] = "architect"
    consumes: ClassVar[tuple[str, ...]] = ("improvement_queue",)
    publishes: ClassVar[tuple[str, ...]] = ("execution_queue",)
    folds: ClassVar[tuple[type[Body], ...]] = (TaskCreated,)
    service_ns_min: ClassVar[int] = 500_000_000

    def __init__(self) -> None:
        self._task_count = 0

    def foresee(self, messages: Sequence[Message]) -> None:
        """Nothing can be done ahead."""

    def handle(self, message: Message, context: Context) -> Sequence[Draft]:
        pattern = message.data
        if not isinstance(pattern, PatternDetected):
            raise ProtocolError(f"architect cannot plan for {pattern.TYPE}")
        policy = policies()[pattern.kind]
        tier, output_tokens_max = _planning(policy, pattern)
        completion, planned_on = complete_somewhere(
            context.models, "plan", tier, _prompt(pattern, policy), output_tokens_max
        )
        task = TaskCreated(
            kind=pattern.kind,
            title=policy.title.format(message=_shortened(pattern.message)),
            priority=policy.priority,
            delegate=policy.delegate,
            planned_by=completion.request_model,
            tier=planned_on,
            plan=completion.answer,
            message=pattern.message,
            confidence=pattern.confidence,
        )
        return [Draft(task, "execution_queue")]

    def apply(self, body: Body) -> None:
        if isinstance(body, TaskCreated):
            self._task_count += 1

    def state_sha256(self) -> str:
        return sha256(f"tasks {self._task_count}".encode()).hexdigest()

    def pattern_count(self) -> int:
        return 0


def _planning(policy: Policy, pattern: PatternDetected) -> tuple[Tier, int]:
    if is_complex(pattern):
        return policy.complex_plan_tier, policy.complex_plan_output_tokens_max
    return policy.plan_tier, policy.plan_output_tokens_max


def is_complex(pattern: PatternDetected) -> bool:
    """Long, severe, or doubtful although it matters."""
    severe = (pattern.severity or "").lower() in SEVERE
    doubtful = pattern.kind != "feature_request" and pattern.confidence < DOUBT_CONFIDENCE_MAX
    return severe or doubtful or len(pattern.message) >= COMPLEX_CHARACTERS_MIN


def _prompt(pattern: PatternDetected, policy: Policy) -> str:
    return (
        f"You plan work for {policy.delegate}. A monitor reports {pattern.kind.replace('_', ' ')} "
        f"(confidence {pattern.confidence:.2f}, severity {pattern.severity or 'unknown'}).\n"
        f"Report: {pattern.message}\n"
        "Write numbered steps, each small enough to check."
    )


def _shortened(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= TITLE_CHARACTERS_MAX else f"{line[: TITLE_CHARACTERS_MAX - 1]}…"
