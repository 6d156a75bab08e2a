"""The ports between an agent and whatever runs it.

Must not hold decisions or know a driver, a clock or a store.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal, Protocol

from msgspec import Struct

from bus.bodies import Body
from bus.errors import TrinityError
from bus.events import Draft, Message

Tier = Literal["local", "cloud"]


class Stream(Protocol):
    """A named, independent stream of random numbers; ``random.Random`` is one."""

    def random(self) -> float: ...
    def uniform(self, a: float, b: float) -> float: ...
    def randint(self, a: int, b: int) -> int: ...


class ModelRequest(Struct, frozen=True):
    """What an agent asks of a model."""

    operation_name: str
    """``plan``, ``delegate`` or ``verify``."""
    tier: Tier
    prompt: str
    output_tokens_max: int


class Completion(Struct, frozen=True):
    """What came back; ``answer`` is empty unless ``status`` is ``ok``."""

    status: Literal["ok", "error", "timeout"]
    request_model: str
    answer: str
    error_type: str | None = None
    """What went wrong, where the status does not say it all."""
    retry_after_ns: int = 0
    """How long the model wants to be left alone."""


class BudgetExhausted(TrinityError):
    """A model call was refused because the budget that is left does not cover it."""


class ModelsUnavailable(TrinityError):
    """Every model that could have answered failed; the delivery is tried again later."""


class Models(Protocol):
    """The models that an agent may call. Each call is recorded as ``model.called`` and takes service time."""

    def can_afford(self, request: ModelRequest) -> bool:
        """Whether the budget that is left covers the most that this call could cost."""

    def complete(self, request: ModelRequest) -> Completion:
        """Call the model of the request's tier.

        Raises:
            BudgetExhausted: the call cannot be afforded; ask :meth:`can_afford` first.
        """

    def wait(self, duration_ns: int) -> None:
        """Wait before the next call, in bus time; it is part of the service time."""


class Context(Protocol):
    """What an agent may use while it handles one message."""

    @property
    def now_ns(self) -> int:
        """Bus time at which the handling started."""

    @property
    def random(self) -> Stream:
        """A stream that belongs to this handling alone."""

    @property
    def models(self) -> Models: ...

    def compute(self, duration_ns: int) -> None:
        """Declare that the handling took so much computing; added to its service time."""


class Agent(Protocol):
    """A role. ``handle`` decides and changes nothing; ``apply`` changes state and decides nothing.

    The state is a fold: ``apply`` over the bodies that the agent itself published, in log order, whether it
    was called a moment after ``handle`` or, on a rebuilt agent, from the log.
    """

    name: ClassVar[str]
    consumes: ClassVar[tuple[str, ...]]
    """Queues it takes deliveries from."""
    publishes: ClassVar[tuple[str, ...]]
    """Queues it may put drafts on."""
    folds: ClassVar[tuple[type[Body], ...]]
    """Bodies of its own that change its state; :meth:`apply` is called for these alone."""
    service_ns_min: ClassVar[int]
    """No handling takes less; above 0. The engine's look-ahead rests on it."""

    def foresee(self, messages: Sequence[Message]) -> None:
        """Do at once what helps to handle these, which come next. Changes no answer and no state."""

    def handle(self, message: Message, context: Context) -> Sequence[Draft]: ...

    def apply(self, body: Body) -> None:
        """Fold one body that this agent published, of a type in :attr:`folds`."""

    def state_sha256(self) -> str:
        """Digest of the whole state: equal states, equal digests."""

    def pattern_count(self) -> int:
        """Patterns in its memory; 0 for agents that keep none."""
