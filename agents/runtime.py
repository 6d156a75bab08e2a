"""Runs one agent as a server with a queue: start, service time, attempts, commit.

The same under every driver.

Must not decide anything that the agent decides, and must not read a clock: time is what deliveries and
models say it is.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Literal

from msgspec import Struct

from agents.agent import Agent, Stream, Tier
from agents.ledger import GRANT_LIMIT, Ledger
from agents.models.broker import Broker
from agents.models.model import Model
from agents.pace import Pace, SteadyPace
from agents.settled import Settled
from bus.bodies import AgentStopped, Body, FaultInjected, LimitReached, ModelCalled
from bus.errors import ProtocolError
from bus.events import Delivery, Draft, Handling, Recalled

REASON_CHARACTERS_MAX = 500
DEDUPLICATION_NS = 1_000_000
"""How long it takes to see that a delivery is a copy."""
Outcome = Literal["acknowledged", "failed", "dead_lettered"]
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

    def __init__(self, runtime: "Runtime", now_ns: int, started_ns: int, key: str) -> None:
        self.now_ns = now_ns
        self.started_ns = started_ns
        self.computed_ns = 0
        self._runtime = runtime
        self._key = key

    @cached_property
    def random(self) -> Stream:
        return self._runtime.stream_of(self._key)

    @cached_property
    def models(self) -> Broker:
        runtime = self._runtime
        return Broker(runtime.models, runtime.ledger, self._key, lambda: self.started_ns + self.elapsed_ns)

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
    def faults(self) -> Sequence[FaultInjected]:
        """What befell the calls of this attempt."""
        return self.models.faults if "models" in self.__dict__ else ()

    @property
    def elapsed_ns(self) -> int:
        return self.computed_ns + (self.models.elapsed_ns if "models" in self.__dict__ else 0)


STEADY = SteadyPace()


class Runtime:
    """One agent, its ledger and its models.

    ``stream_of`` makes the random stream of a key; ``redact`` takes secrets out of what an agent raises.
    :attr:`free_ns` is when the agent can start its next delivery.
    """

    def __init__(
        self,
        agent: Agent,
        ledger: Ledger,
        models: Mapping[Tier, Model],
        stream_of: Callable[[str], Stream],
        retry: RetryPolicy,
        pace: Pace = STEADY,
        redact: Callable[[str], str] = str,
    ) -> None:
        self.agent = agent
        self.ledger = ledger
        self.models = models
        self.stream_of = stream_of
        self.free_ns = 0
        self.handled_count = 0
        self._retry = retry
        self._pace = pace
        self._redact = redact
        self._settled: Settled[str, None] = Settled()

    def handle_all(self, deliveries: Sequence[Delivery]) -> list[list[Handling]]:
        """Handle one window of deliveries in order."""
        self.agent.foresee([delivery.message for delivery in deliveries])
        return [self.handle(delivery) for delivery in deliveries]

    def handle(self, delivery: Delivery) -> list[Handling]:
        """Handle one delivery; a list of its attempts, the last of which settled it.

        Effects are exactly once: a copy of a delivery that was settled changes nothing.
        """
        if delivery.key in self._settled:
            return [self._deduplicated(delivery)]
        attempts: list[Handling] = []
        for attempt in range(delivery.attempt_count + 1, self._retry.attempts_max + 1):
            handling = self._attempt(delivery, attempt, self._start_ns(delivery, attempt))
            attempts.append(handling)
            for draft in handling.drafts:
                self.apply(draft.data)
            self.free_ns = handling.finished_ns
            if handling.outcome != "failed":
                break
        self._settled.add(delivery.key, None, delivery.arrived_ns)
        if attempts[-1].outcome == "acknowledged":
            self.handled_count += 1
        return attempts

    def recall(self, recalled: Recalled) -> int:
        """Take in what the agent knew when it ended, or a part of that; the number of bodies folded."""
        for body in recalled.bodies:
            self.apply(body)
        self.free_ns = max(self.free_ns, recalled.free_ns)
        for key in recalled.settled_keys:
            # It is not told when they arrived, but they did before it was through with them.
            self._settled.add(key, None, self.free_ns)
        self.handled_count = recalled.handled_count
        return len(recalled.bodies)

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

    def _start_ns(self, delivery: Delivery, attempt: int) -> int:
        """A further attempt waits, twice as long each time; an agent does nothing else meanwhile."""
        wait_ns = self._retry.backoff_ns << (attempt - 2) if attempt > 1 else 0
        return max(delivery.arrived_ns, self.free_ns + wait_ns)

    def _deduplicated(self, delivery: Delivery) -> Handling:
        started_ns = max(delivery.arrived_ns, self.free_ns)
        self.free_ns = started_ns + DEDUPLICATION_NS
        return Handling(0, "deduplicated", started_ns, self.free_ns)

    def _attempt(self, delivery: Delivery, attempt: int, started_ns: int) -> Handling:
        key = delivery.key if attempt == 1 else f"{delivery.key}~{attempt}"
        clock = self._pace.clock(key, started_ns)
        context = HandlingContext(self, clock.value_ns, started_ns, key)
        try:
            drafts = self.agent.handle(delivery.message, context)
            self._check(drafts)
        except AssertionError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an agent raises is a failed attempt, never a dead process
            last = attempt == self._retry.attempts_max
            limit = LimitReached("delivery_attempts_max", self.agent.name, attempt)
            drafts = (Draft(limit),) if last else ()
            outcome: Outcome = "dead_lettered" if last else "failed"
            # Redacted before it is cut: no pattern knows the beginning of a secret.
            reason = self._redact(f"{type(error).__name__}: {error}")[:REASON_CHARACTERS_MAX]
        else:
            outcome, reason = "acknowledged", ""
        service_ns = max(context.elapsed_ns, self.agent.service_ns_min)
        paced = self._pace.service(key, delivery.message.queue, started_ns, service_ns)
        money, faults = context.money, (*context.faults, *clock.faults, *paced.faults)
        if money or faults:
            # Faults come last: an event's place in its commit names its random streams.
            drafts = (*money, *drafts, *(Draft(fault) for fault in faults))
        finished_ns = started_ns + paced.value_ns
        return Handling(attempt, outcome, started_ns, finished_ns, tuple(drafts), reason)

    def _check(self, drafts: Sequence[Draft]) -> None:
        for draft in drafts:
            if draft.queue is not None and draft.queue not in self.agent.publishes:
                raise ProtocolError(f"{self.agent.name} may not publish to {draft.queue!r}")
