"""Which keys a rule of each kind has, and how it fires. Must not check a rule."""

from typing import Literal, NamedTuple

from simulator.faults.rules import FaultKind

Firing = Literal["share", "windows", "moments"]
"""``share``: a rate, or windows in which everything is hit; ``moments``: at points in time."""


class KindSpec(NamedTuple):
    target: Literal["queue", "agent", "tier"] | None
    """The key that says what is hit; None for the store."""
    firing: Firing
    needs: str | None = None
    """A further key that must be there."""
    may: str | None = None
    """A further key that may be there."""


KINDS: dict[FaultKind, KindSpec] = {
    # Deliveries of a queue.
    "drop": KindSpec("queue", "share", may="source"),
    "duplicate": KindSpec("queue", "share", may="source"),
    "delay": KindSpec("queue", "share", needs="delay", may="source"),
    "reorder": KindSpec("queue", "share", needs="delay", may="source"),
    "corrupt": KindSpec("queue", "share", may="source"),
    # The link of an agent.
    "partition": KindSpec("agent", "windows", may="direction"),
    # How fast an agent works, and what its clock shows.
    "slow_consumer": KindSpec("queue", "share", needs="factor"),
    "slow": KindSpec("agent", "share", needs="factor"),
    "clock_skew": KindSpec("agent", "windows", needs="offset"),
    "clock_jump": KindSpec("agent", "windows", needs="offset"),
    # Whether an agent is there.
    "crash": KindSpec("agent", "moments"),
    "hang": KindSpec("agent", "moments"),
    "amnesia": KindSpec("agent", "moments"),
    "crash_loop": KindSpec("agent", "moments", needs="count"),
    # Calls of the models of a tier.
    "model_error": KindSpec("tier", "share"),
    "rate_limit": KindSpec("tier", "share", needs="retry_after"),
    "billed_timeout": KindSpec("tier", "share"),
    "truncated_answer": KindSpec("tier", "share"),
    "invalid_answer": KindSpec("tier", "share"),
    "refusal": KindSpec("tier", "share"),
    "cost_spike": KindSpec("tier", "share"),
    "model_gone": KindSpec("tier", "windows"),
    # The store.
    "torn_write": KindSpec(None, "moments"),
    "bit_flip": KindSpec(None, "moments"),
    "disk_full": KindSpec(None, "moments"),
}
LINK_KINDS = frozenset({"drop", "duplicate", "delay", "reorder", "corrupt", "partition"})
PACE_KINDS = frozenset({"slow_consumer", "slow", "clock_skew", "clock_jump"})
OUTAGE_KINDS = frozenset({"crash", "hang", "amnesia", "crash_loop"})
MODEL_KINDS = frozenset(kind for kind, spec in KINDS.items() if spec.target == "tier")
STORE_KINDS = frozenset(kind for kind, spec in KINDS.items() if spec.target is None)
