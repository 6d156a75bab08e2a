"""Between an agent and its models during one handling: picks the model, reserves, calls, settles, records.

Must not retry.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256

from agents.agent import BudgetExhausted, Completion, ModelRequest, Tier
from agents.ledger import Ledger
from agents.models.model import Model, token_count
from bus.bodies import FaultInjected, ModelCalled

CALLS_MAX = 32
"""Model calls that one handling may make."""


class Broker:
    """The :class:`agents.agent.Models` of one handling; ``calls`` is what it did.

    ``now_ns`` says how far the handling is, in bus time.
    """

    def __init__(
        self, models: Mapping[Tier, Model], ledger: Ledger, key: str, now_ns: Callable[[], int]
    ) -> None:
        self._models = models
        self._remaining_nanousd = ledger.remaining_nanousd
        self._key = key
        self._now_ns = now_ns
        self.calls: list[ModelCalled] = []
        self.elapsed_ns = 0
        """Spent on calls and on waiting for models."""
        self.faults: list[FaultInjected] = []
        """What befell the calls."""
        self.was_refused = False
        """Whether a call could not be afforded."""

    def can_afford(self, request: ModelRequest) -> bool:
        affordable = self._reservation_nanousd(request) <= self._remaining_nanousd
        self.was_refused |= not affordable
        return affordable

    def complete(self, request: ModelRequest) -> Completion:
        """Call the model of the request's tier and wait for it in bus time.

        Raises:
            BudgetExhausted: the reservation is more than what is left, or the handling made all its calls.
        """
        number = len(self.calls) + 1
        if number > CALLS_MAX:
            raise BudgetExhausted(f"{CALLS_MAX} model calls in one handling; the rest are refused")
        reserved_nanousd = self._reservation_nanousd(request)
        if reserved_nanousd > self._remaining_nanousd:
            raise BudgetExhausted(
                f"a {request.tier} call could cost {reserved_nanousd} nanousd, "
                f"{self._remaining_nanousd} are left"
            )
        spec = self._models[request.tier].spec
        answer = self._models[request.tier].answer(
            request.prompt, request.output_tokens_max, f"{self._key}/{number}", self._now_ns()
        )
        cost_nanousd = spec.cost_nanousd(answer.input_tokens, answer.output_tokens)
        self._remaining_nanousd -= cost_nanousd
        assert cost_nanousd <= reserved_nanousd, "a call cost more than was reserved for it"
        self.elapsed_ns += answer.latency_ns
        self.faults += answer.faults
        self.calls.append(
            ModelCalled(
                call_number=number,
                operation_name=request.operation_name,
                provider_name=spec.provider,
                request_model=spec.name,
                tier=request.tier,
                status=answer.status,
                input_tokens=answer.input_tokens,
                output_tokens=answer.output_tokens,
                latency_ns=answer.latency_ns,
                reserved_nanousd=reserved_nanousd,
                cost_nanousd=cost_nanousd,
                prompt_sha256=sha256(request.prompt.encode()).hexdigest(),
                answer=answer.text,
                error_type=answer.error_type,
            )
        )
        text = answer.text if answer.status == "ok" else ""
        return Completion(answer.status, spec.name, text, answer.error_type, answer.retry_after_ns)

    def wait(self, duration_ns: int) -> None:
        self.elapsed_ns += duration_ns

    def _reservation_nanousd(self, request: ModelRequest) -> int:
        spec = self._models[request.tier].spec
        return spec.cost_nanousd(token_count(request.prompt), request.output_tokens_max)
