"""Runs one agent as a server with a queue: start, service time, attempts, commit.

The same under every driver.

Must not decide anything that the agent decides, and must not read a clock: time is what deliveries and
models say it is.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from hashlib import sha256

from msgspec import Struct

from agents.agent import Agent, Stream, Tier
from agents.ledger import GRANT_LIMIT, Ledger
from agents.models.broker import Broker
from agents.models.model import Model
from bus.bodies import AgentStopped, Body, LimitReached, ModelCalled
from bus.errors import ProtocolError
from bus.events import Delivery, Draft, Handling

REASON_CHARACTERS_MAX = 500
LEDGER_BODIES = (ModelCalled, LimitReached)
"""What every agent's ledger is folded from, whatever its role folds."""


class RetryPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """How often a delivery is tried. The agent waits in between, so the order of its deliveries holds."""

    attempts_max: int = 3
    backoff_ns: int = 1_000_000_000
    """Before the second attempt; doubled for each further one."""


class HandlingContext:
    """The :class:`agents.agent.Context` of one attempt.

    Parts that most handlings never use are made when first asked for.
    """

    def __init__(self, runtime: "Runtime", now_ns: int, key: str) -> None:
        self.now_ns = now_ns
        self.computed_ns = 0
        self._runtime = runtime
        self._key = key

    @cached_property
    def random(self) -> Stream:
        return self._runtime.stream_of(self._key)

    @cached_property
    def models(self) -> Broker:
        return Broker(self._runtime.models, self._runtime.ledger, self._key)

    def compute(self, duration_ns: int) -> None:
        self.computed_ns += duration_ns

    @property
    def money(self) -> Sequence[Draft]:
        """What the handling did to the budget: its calls and, once a run, that one could not be afforded."""
        if "models" not in self.__dict__:
            return ()
        drafts = [Draft(call) for call in self.models.calls]
        ledger = self._runtime.ledger
        if self.models.was_refused and not ledger.is_told:
            name = self._runtime.agent.name
            drafts.append(Draft(LimitReached(GRANT_LIMIT, name, ledger.granted_nanousd)))
        return drafts

    @property
    def elapsed_ns(self) -> int:
        return self.computed_ns + (self.models.elapsed_ns if "models" in self.__dict__ else 0)


class Runtime:
    """One agent, its ledger and its models.

    ``stream_of`` makes the random stream of a key. :attr:`free_ns` is when the agent can start its next
    delivery.
    """

    def __init__(
        self,
        agent: Agent,
        ledger: Ledger,
        models: Mapping[Tier, Model],
        stream_of: Callable[[str], Stream],
        retry: RetryPolicy,
    ) -> None:
        self.agent = agent
        self.ledger = ledger
        self.models = models
        self.stream_of = stream_of
        self.free_ns = 0
        self.handled_count = 0
        self._retry = retry

    def handle(self, delivery: Delivery) -> list[Handling]:
        """Handle one delivery; a list of its attempts, the last of which acknowledged it or gave it up."""
        attempts: list[Handling] = []
        started_ns = max(delivery.arrived_ns, self.free_ns)
        for attempt in range(1, self._retry.attempts_max + 1):
            handling = self._attempt(delivery, attempt, started_ns)
            attempts.append(handling)
            for draft in handling.drafts:
                self.apply(draft.data)
            self.free_ns = handling.finished_ns
            if handling.outcome != "failed":
                break
            started_ns = handling.finished_ns + (self._retry.backoff_ns << (attempt - 1))
        if attempts[-1].outcome == "acknowledged":
            self.handled_count += 1
        return attempts

    def apply(self, body: Body) -> None:
        """Fold one body that the agent published: just after handling, or from the log on a rebuilt agent."""
        if isinstance(body, LEDGER_BODIES):
            self.ledger.apply(body)
        elif isinstance(body, self.agent.folds):
            self.agent.apply(body)

    def stopped(self) -> AgentStopped:
        """What the agent knows, as the last word of a run."""
        ledger = self.ledger
        money = f"{ledger.granted_nanousd} {ledger.spent_nanousd} {ledger.is_told}"
        state = f"{self.agent.state_sha256()} {money}"
        return AgentStopped(
            agent=self.agent.name,
            handled_count=self.handled_count,
            state_sha256=sha256(state.encode()).hexdigest(),
            pattern_count=self.agent.pattern_count(),
        )

    def _attempt(self, delivery: Delivery, attempt: int, started_ns: int) -> Handling:
        key = delivery.key if attempt == 1 else f"{delivery.key}~{attempt}"
        context = HandlingContext(self, started_ns, key)
        try:
            drafts = self.agent.handle(delivery.message, context)
            self._check(drafts)
        except AssertionError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an agent raises is a failed attempt, never a dead process
            return self._failed(context, attempt, started_ns, error)
        money = context.money
        return Handling(
            attempt,
            "acknowledged",
            started_ns,
            started_ns + max(context.elapsed_ns, self.agent.service_ns_min),
            (*money, *drafts) if money else tuple(drafts),
        )

    def _failed(self, context: HandlingContext, attempt: int, started_ns: int, error: Exception) -> Handling:
        last = attempt == self._retry.attempts_max
        limit = LimitReached("delivery_attempts_max", self.agent.name, attempt)
        return Handling(
            attempt,
            "dead_lettered" if last else "failed",
            started_ns,
            started_ns + max(context.elapsed_ns, self.agent.service_ns_min),
            (*context.money, *((Draft(limit),) if last else ())),
            f"{type(error).__name__}: {error}"[:REASON_CHARACTERS_MAX],
        )

    def _check(self, drafts: Sequence[Draft]) -> None:
        for draft in drafts:
            if draft.queue is not None and draft.queue not in self.agent.publishes:
                raise ProtocolError(f"{self.agent.name} may not publish to {draft.queue!r}")
