"""Fault rules as the scenario has them, and as a run has them. Must not draw or decide anything."""

from typing import Literal, NamedTuple

from msgspec import Struct

from agents.agent import Tier
from simulator.duration import Duration
from simulator.faults.offset import Offset

FaultKind = Literal[
    "drop",
    "duplicate",
    "delay",
    "reorder",
    "corrupt",
    "partition",
    "slow_consumer",
    "crash",
    "hang",
    "amnesia",
    "crash_loop",
    "slow",
    "clock_skew",
    "clock_jump",
    "model_error",
    "rate_limit",
    "billed_timeout",
    "truncated_answer",
    "invalid_answer",
    "refusal",
    "cost_spike",
    "model_gone",
    "torn_write",
    "bit_flip",
    "disk_full",
]
Direction = Literal["both", "to_agent", "from_agent"]


class FaultRule(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    omit_defaults=True,
    rename={"from_": "from"},
):
    """A rule as it is written; :mod:`simulator.faults.kinds` says which keys a kind has."""

    kind: FaultKind
    queue: str | None = None
    source: str | None = None
    """Only what this one publishes to the queue."""
    agent: str | None = None
    tier: Tier | None = None
    direction: Direction | None = None
    """Of a partition; ``both`` if it is not said."""
    rate: float | None = None
    """The share of deliveries, attempts or calls that is hit."""
    from_: Duration | None = None
    """A ``rate`` holds from here, counted from the start of the run,"""
    until: Duration | None = None
    """and up to here; the whole time until the run heals if it is not said."""
    at: tuple[Duration, ...] | None = None
    """When the rule fires, counted from the start of the run."""
    per_day: float | None = None
    """How often the rule fires on average, with exponential gaps."""
    lasts: Duration | None = None
    """After firing, everything is hit for so long."""
    delay: Duration | None = None
    factor: float | None = None
    """How many times as long an attempt takes."""
    offset: Offset | None = None
    """Of a clock; below zero when it is behind."""
    count: int | None = None
    """Restarts that fail."""
    retry_after: Duration | None = None
    """How long a model that is asked too often wants to be left alone."""


class FaultSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every rule, and what is done against all of them."""

    heal_at: Duration | None = None
    """No rule fires after this, counted from the start of the run."""
    converge_within: Duration = Duration.parse("2h")
    """After healing; then nothing may be left undone."""
    redelivery_timeout: Duration = Duration.parse("30s")
    """What nothing acknowledged is sent again; doubled each time."""
    redeliveries_max: int = 100
    swarm_share: float = 1.0
    """Each rule is part of a run with this probability."""
    rules: dict[str, FaultRule] = {}
    """By name. Where several could strike, the first one in this order does."""


class Window(NamedTuple):
    """From ``start_ns`` until just before ``end_ns``."""

    start_ns: int
    end_ns: int


class ActiveRule(Struct, frozen=True):
    """A rule that is part of a run: every moment is one of bus time, and all is a number or text."""

    name: str
    kind: FaultKind
    windows: tuple[Window, ...] = ()
    """When it can strike: in order, apart from each other. None after the run has healed."""
    rate: float = 1.0
    """The share of what comes within a window that it hits."""
    moments_ns: tuple[int, ...] = ()
    """When it fires, for a kind that has no windows; in order."""
    queue: str | None = None
    source: str | None = None
    agent: str | None = None
    tier: Tier | None = None
    direction: Direction = "both"
    delay_ns: int = 0
    factor: float = 1.0
    offset_ns: int = 0
    count: int = 0
    retry_after_ns: int = 0
