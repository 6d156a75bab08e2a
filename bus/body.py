"""What all bodies are made of: the base struct and the types of fields. Must not hold a body."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""A non-negative integer that fits DuckDB's BIGINT: a count, a duration, an amount or a moment."""
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
"""A fraction from 0 to 1.

Producers round it to at most six decimals, so that the text of the log stays short.
"""
Name = Annotated[str, Meta(max_length=256)]
"""A short identifier: an agent, a queue, a model, a file name."""
Text = Annotated[str, Meta(max_length=65_536)]
"""Free text, in characters."""

PatternKind = Literal[
    "critical_error", "constitution_violation", "feature_request", "duplication", "flaky_test"
]
"""The five kinds of pattern that the system acts on."""
Label = Literal[
    "critical_error",
    "constitution_violation",
    "feature_request",
    "duplication",
    "flaky_test",
    "none",
]
"""Ground truth of a telemetry event: a kind, or ``none``."""


class Body(Struct, frozen=True, gc=False):
    """Base of all bodies; carries no fields."""

    TYPE: ClassVar[str]
