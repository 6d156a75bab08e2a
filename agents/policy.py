"""What ARCHITECT and EXECUTOR do about each kind of pattern, read from data.

Must not call models or see events.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct

from agents.agent import Tier
from bus.bodies import PatternKind


class Step(Struct, frozen=True, forbid_unknown_fields=True):
    """One model call of a sub-agent."""

    name: str
    tier: Tier
    output_tokens_max: int


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """How one kind of pattern is planned and who does the work."""

    priority: Literal["critical", "high", "normal"]
    title: str
    """Of the task; ``{message}`` is the telemetry's message, shortened."""
    plan_tier: Tier
    plan_output_tokens_max: int
    complex_plan_tier: Tier
    """Where a complex case is planned."""
    complex_plan_output_tokens_max: int
    delegate: str
    """The sub-agent."""
    work_s_min: int
    work_s_max: int
    """How long the sub-agent's own tools take (builds, test runs), besides its model calls."""
    steps: tuple[Step, ...]


@cache
def policies() -> dict[PatternKind, Policy]:
    """The policy of each kind, from ``agents/data/policy.toml``."""
    text = files("agents").joinpath("data/policy.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[PatternKind, Policy])
