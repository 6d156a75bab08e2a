"""Moments as people write them, in ISO 8601. Must not read a clock."""

from datetime import UTC, datetime

from simulator.clock import NS_PER_S

YEARS = range(1970, 2200)
"""In which moments may lie: nanoseconds since 1970 must fit 64 bits."""


def parse_moment_ns(text: str) -> int:
    """Nanoseconds since the Unix epoch; a moment that names no zone is in UTC.

    Raises:
        ValueError: not a moment, or not in :data:`YEARS`.
    """
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if moment.year not in YEARS:
        raise ValueError(f"{text!r} is not in the years {YEARS.start} to {YEARS.stop - 1}")
    delta = moment - datetime.fromtimestamp(0, UTC)
    if delta.days < 0:
        raise ValueError(f"{text!r} is before 1970 in UTC")
    return (delta.days * 86_400 + delta.seconds) * NS_PER_S + delta.microseconds * 1_000


def format_moment(time_ns: int) -> str:
    """The moment to the second, in UTC."""
    return datetime.fromtimestamp(time_ns // NS_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
