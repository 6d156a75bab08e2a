"""Agents, models and contexts made for tests. Must not hold tests."""

from collections.abc import Callable, Sequence
from random import Random
from typing import ClassVar

from agents.agent import Completion, Context, ModelRequest, Stream, Tier
from agents.ledger import Ledger
from agents.models.broker import Broker
from agents.models.mock import MockModel
from agents.models.model import Answer, Model, ModelSpec
from agents.runtime import RetryPolicy, Runtime
from bus.bodies import Body, FeedbackGiven, PatternDetected, PatternKind, TaskCreated, TelemetryReceived
from bus.events import Delivery, Draft, Message
from simulator.scenario import Scenario
from simulator.scenario_file import load_scenario

KINDS: tuple[PatternKind, ...] = (
    "critical_error",
    "constitution_violation",
    "feature_request",
    "duplication",
    "flaky_test",
)
SECOND_NS = 1_000_000_000
COMPLETE_BUDGET_NANOUSD = 10**15


def spec_of(tier: Tier, **changed: object) -> ModelSpec:
    """The model of the soak that never fails, unless told otherwise."""
    from msgspec.structs import replace

    spec = soak().models[tier]
    return replace(spec, **{"error_share": 0.0, "timeout_share": 0.0, **changed})


def soak() -> Scenario:
    return load_scenario("soak")


def mock_models(seed: int = 1, **changed: object) -> dict[Tier, Model]:
    def stream_of(key: str) -> Stream:
        return Random(f"{seed}/{key}")

    tiers: tuple[Tier, ...] = ("local", "cloud")
    return {tier: MockModel(spec_of(tier, **changed), stream_of) for tier in tiers}


class ScriptedModel:
    """Answers with what it was told to, over and over the last one; keeps the prompts."""

    def __init__(self, tier: Tier, *answers: Answer) -> None:
        self.spec = spec_of(tier)
        self.prompts: list[str] = []
        self._answers = list(answers)

    def answer(self, prompt: str, output_tokens_max: int, call_key: str, at_ns: int) -> Answer:
        self.prompts.append(prompt)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def good(text: str = "1. Do it.", latency_ns: int = SECOND_NS) -> Answer:
    return Answer("ok", text, 10, 5, latency_ns)


def bad(latency_ns: int = SECOND_NS) -> Answer:
    return Answer("error", "", 0, 0, latency_ns)


class FixedContext:
    """A context at one moment, with the given models."""

    def __init__(self, models: Broker, seed: int = 1, now_ns: int = 0) -> None:
        self.now_ns = now_ns
        self.random: Stream = Random(seed)
        self.models = models
        self.computed_ns = 0

    def compute(self, duration_ns: int) -> None:
        self.computed_ns += duration_ns


def context_of(
    models: dict[Tier, Model], granted_nanousd: int = COMPLETE_BUDGET_NANOUSD, seed: int = 1
) -> FixedContext:
    return FixedContext(Broker(models, Ledger(granted_nanousd), f"case-{seed}", lambda: 0), seed)


class EchoAgent:
    """Does what it was told to with each message; counts the feedback bodies that it folds."""

    name: ClassVar[str] = "echo"
    consumes: ClassVar[tuple[str, ...]] = ("in",)
    publishes: ClassVar[tuple[str, ...]] = ("out",)
    folds: ClassVar[tuple[type[Body], ...]] = (FeedbackGiven,)
    service_ns_min: ClassVar[int] = 10

    def __init__(self, act: Callable[[Message, Context], Sequence[Draft]]) -> None:
        self._act = act
        self.folded: list[Body] = []

    def foresee(self, messages: Sequence[Message]) -> None:
        pass

    def handle(self, message: Message, context: Context) -> Sequence[Draft]:
        return self._act(message, context)

    def apply(self, body: Body) -> None:
        self.folded.append(body)

    def state_sha256(self) -> str:
        return f"{len(self.folded)} folded"

    def pattern_count(self) -> int:
        return len(self.folded)


def runtime_of(
    act: Callable[[Message, Context], Sequence[Draft]],
    *,
    models: dict[Tier, Model] | None = None,
    retry: RetryPolicy | None = None,
    granted_nanousd: int = COMPLETE_BUDGET_NANOUSD,
) -> Runtime:
    return Runtime(
        EchoAgent(act),
        Ledger(granted_nanousd),
        mock_models() if models is None else models,
        lambda key: Random(key),
        RetryPolicy() if retry is None else retry,
    )


def telemetry(arrived_ns: int = 0, number: int = 1, text: str = "m") -> Delivery:
    message = Message(arrived_ns, "workload", "in", TelemetryReceived(text))
    return Delivery(f"workload-{number}.0", arrived_ns, message)


def pattern(
    kind: PatternKind, message: str = "it broke", severity: str | None = None, confidence: float = 0.95
) -> Message:
    body = PatternDetected(kind, confidence, 0.5, message, severity, 0.5, None, [])
    return Message(0, "witness", "improvement_queue", body)


def request(tier: Tier = "local", prompt: str = "plan this", output_tokens_max: int = 100) -> ModelRequest:
    return ModelRequest("plan", tier, prompt, output_tokens_max)


def completion(model: str, answer: str = "ok") -> Completion:
    return Completion("ok", model, answer)


def task_of(drafts: Sequence[Draft]) -> TaskCreated:
    (draft,) = drafts
    assert isinstance(draft.data, TaskCreated)
    return draft.data
