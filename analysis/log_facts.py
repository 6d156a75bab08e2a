"""Tells cheaply whether a log is the one a cache was built from. Must read no more than its last line."""

from pathlib import Path

from msgspec import Struct

from bus.codec import LINE_BYTES_MAX, decode_envelope
from bus.errors import EnvironmentProblem


class SegmentFacts(Struct, frozen=True):
    name: str
    size_bytes: int
    mtime_ns: int
    """0 for a copy of the active segment, whose time is that of the copying."""


class LogFacts(Struct, frozen=True):
    """The last line's CRC is chained over the whole log: with sizes and times it stands for the content."""

    segments: tuple[SegmentFacts, ...]
    last_seq: int
    last_crc: int


class CacheKey(Struct, frozen=True):
    """What a database is made of; stored inside it."""

    schema_sha256: str
    duckdb_version: str
    events: LogFacts
    observations: LogFacts


def log_facts(folder: Path, segments: list[Path]) -> LogFacts:
    """The facts of a log whose readable segments are given.

    Raises:
        EnvironmentProblem: a segment cannot be read.
        DamageError: the last line is not an event.
    """
    try:
        facts = tuple(_segment_facts(folder, segment) for segment in segments)
        last_line = next(filter(None, map(_last_line, reversed(segments))), None)
    except OSError as error:
        problem = f"{error.filename}: cannot read the log: {error.strerror}; check its permissions"
        raise EnvironmentProblem(problem) from None
    if last_line is None:
        return LogFacts(facts, 0, 0)
    envelope = decode_envelope(last_line)
    return LogFacts(facts, envelope.seq, envelope.crc)


def _segment_facts(folder: Path, segment: Path) -> SegmentFacts:
    status = segment.stat()
    return SegmentFacts(segment.name, status.st_size, status.st_mtime_ns if segment.parent == folder else 0)


def _last_line(segment: Path) -> bytes | None:
    with segment.open("rb") as file:
        size_bytes = file.seek(0, 2)
        file.seek(max(0, size_bytes - 2 * LINE_BYTES_MAX))
        lines = file.read().rsplit(b"\n", 2)
    return lines[-2] if len(lines) > 1 else None
