"""What a model is to Trinity: a specification with prices, and a port with one method.

Must not know agents or budgets.
"""

from typing import Literal, Protocol

from msgspec import Struct

from agents.agent import Tier
from bus.bodies import FaultInjected


class ModelSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """A model as the scenario describes it. Prices are data; a local model costs nothing."""

    name: str
    provider: str
    tier: Tier
    input_nanousd_per_token: int
    output_nanousd_per_token: int
    first_token_ms: int
    """Latency before the first token of an answer."""
    token_us: int
    """Latency of each further output token, in microseconds."""
    error_share: float
    """Share of calls that fail at once (mock models only)."""
    timeout_share: float
    """Share of calls that never answer (mock models only)."""
    timeout_ms: int
    """How long a caller waits."""

    def cost_nanousd(self, input_tokens: int, output_tokens: int) -> int:
        return input_tokens * self.input_nanousd_per_token + output_tokens * self.output_nanousd_per_token


class Answer(Struct, frozen=True):
    """What one call gave and took."""

    status: Literal["ok", "error", "timeout"]
    text: str
    """Kept as it came; of use only if ``status`` is ``ok``."""
    input_tokens: int
    output_tokens: int
    latency_ns: int
    error_type: str | None = None
    """What went wrong, where the status does not say it all."""
    retry_after_ns: int = 0
    """How long the model wants to be left alone."""
    faults: tuple[FaultInjected, ...] = ()
    """What made it another answer than it would have been."""


class Model(Protocol):
    """One model."""

    spec: ModelSpec

    def answer(self, prompt: str, output_tokens_max: int, call_key: str, at_ns: int) -> Answer:
        """Answer a prompt at a moment of bus time.

        ``call_key`` names the call in every run that makes it; no part of the prompt.
        """


def token_count(text: str) -> int:
    """Tokens of a text, estimated at four characters each (a rule of thumb for English); at least 1."""
    return max(1, (len(text) + 3) // 4)
