"""Checks a log from end to end and lists all that is wrong. Must not use the reader or its parts.

Written from docs/log-format.md, with nothing but zlib, hashlib and a JSON decoder, so that it and the reader
can disagree. It checks more than the reader does: SHA-256, time and causes. The manifest is
``store.verify_manifest``'s part.
"""

import hashlib
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Struct

from store.verify_manifest import Listed, Problem, check_manifest, list_segments, unlisted

PROBLEM_COUNT_MAX = 1_000
"""So many problems are listed; the rest is only counted."""
LINE_BYTES_MAX = 1_048_576
COMMIT_EVENTS_MAX = 65_536

_END_OF_LINE = re.compile(rb',"crc":(0|[1-9][0-9]{0,9})\}\n\Z')
_INNER_END = re.compile(rb',"crc":([0-9]{1,10})\}')


class Verification(Struct, frozen=True):
    """What is true of a log."""

    event_count: int
    """In whole commits."""
    digest: str
    """SHA-256 over the segments, without a torn tail."""
    closed: bool
    torn_bytes: int
    """Behind the last whole commit of a log that was not closed; no problem."""
    problems: tuple[Problem, ...]
    problem_count: int
    """Greater than the number of ``problems`` if they are too many to list."""

    @property
    def sound(self) -> bool:
        return not self.problem_count


_Integer = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Name = Annotated[str, msgspec.Meta(max_length=256)]


class _Line(Struct, frozen=True, gc=False):
    seq: _Integer
    time_ns: _Integer
    type: _Name
    source: _Name
    queue: _Name | None
    causation_seq: _Integer | None
    correlation_seq: _Integer
    commit_seq: _Integer
    data: msgspec.Raw
    crc: _Integer


_decode = msgspec.json.Decoder(_Line).decode


def verify(folder: Path) -> Verification:
    """Check a log. Never raises for what is wrong with it; the problems say that.

    A problem does not hide those behind it: checking goes on with what the bad line claims. A log that is
    being written is checked up to its last whole commit.
    """
    found = list_segments(folder)
    manifest, problems = check_manifest(folder, found)
    checker = _Checker(problems)
    for listed in manifest.segments:
        checker.check_sealed(folder, listed)
    torn_bytes = 0
    if manifest.active is not None:
        torn_bytes = checker.check_active(folder / manifest.active)
    for name in unlisted(found, manifest):
        checker.note(name, None, None, "the manifest does not list this segment")
    digest = checker.log_sha256.hexdigest()
    if manifest.closed and digest != manifest.digest:
        checker.note("manifest.json", None, None, f"digest {manifest.digest} should be {digest}")
    listed_problems = tuple(checker.problems[:PROBLEM_COUNT_MAX])
    return Verification(
        checker.event_count, digest, manifest.closed, torn_bytes, listed_problems, checker.problem_count
    )


class _Checker:
    """What the next line is compared with."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        self.problem_count = len(problems)
        self.event_count = 0
        self.log_sha256 = hashlib.sha256()
        self._segment_sha256 = hashlib.sha256()
        self._name = ""
        self._line_number = 0
        self._crc = 0
        self._seq = 0
        self._time_ns = 0
        self._commit_seq = 0
        self._open: list[bytes] = []  # the lines of a commit that is not complete

    def note(self, segment: str, line: int | None, seq: int | None, problem: str) -> None:
        self.problem_count += 1
        if len(self.problems) < PROBLEM_COUNT_MAX:
            self.problems.append(Problem(segment, line, seq, problem))

    def check_sealed(self, folder: Path, listed: Listed) -> None:
        rest = self._check_segment(folder / listed.name)
        if rest or self._open:
            self.note(
                listed.name, self._line_number, self._seq, "the segment does not end with a whole commit"
            )
            self._hash([*self._open, rest])
            self._open.clear()
        for what, found, expected in (
            ("last_seq", self._seq, listed.last_seq),
            ("last_crc", self._crc, listed.last_crc),
            ("sha256", self._segment_sha256.hexdigest(), listed.sha256),
        ):
            if found != expected:
                self.note(listed.name, None, None, f"{what} is {found}, the manifest says {expected}")

    def check_active(self, path: Path) -> int:
        """Returns the length of the torn tail."""
        rest = self._check_segment(path)
        for end in _INNER_END.finditer(rest):
            whole = zlib.crc32(rest[: end.start()] + b"}", self._crc) == int(end[1])
            if whole and end.end() < len(rest):
                self.note(path.name, self._line_number + 1, self._seq + 1, "no newline behind a whole line")
        if b"\0" in rest.rstrip(b"\0"):
            self.note(path.name, self._line_number + 1, self._seq + 1, "bytes behind zero bytes")
        if len(rest.rstrip(b"\0")) >= LINE_BYTES_MAX:
            self.note(path.name, self._line_number + 1, self._seq + 1, "the line is too long")
        return len(rest) + sum(map(len, self._open))

    def _check_segment(self, path: Path) -> bytes:
        """Check all lines that end with a newline; returns what is behind them."""
        self._segment_sha256 = hashlib.sha256()
        self._name, self._line_number = path.name, 0
        if not path.is_file():  # which check_manifest has noted
            return b""
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return line
                self._line_number += 1
                self._check_line(line)
        return b""

    def _check_line(self, line: bytes) -> None:
        seq = self._seq + 1
        if len(line) > LINE_BYTES_MAX:
            self._bad(seq, "the line is too long")
        crc = self._check_crc(seq, line)
        self._open.append(line)
        try:
            event = _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self._bad(seq, f"not an event: {error}")
            self._seq, self._crc = seq, crc
            return
        for problem in self._problems_of(event, seq):
            self._bad(seq, problem)
        self._seq, self._crc, self._time_ns = event.seq, crc, event.time_ns
        self._commit_seq = event.commit_seq
        if event.seq == event.commit_seq:
            self.event_count += len(self._open)
            self._hash(self._open)
            self._open.clear()

    def _check_crc(self, seq: int, line: bytes) -> int:
        end = _END_OF_LINE.search(line, max(0, len(line) - 30))
        if end is None:
            self._bad(seq, "the line does not end with a crc")
            return zlib.crc32(line, self._crc)
        crc = zlib.crc32(line[: end.start()] + b"}", self._crc)
        if crc != int(end[1]):
            self._bad(seq, f"crc {int(end[1])} should be {crc}")
        return int(end[1])

    def _problems_of(self, event: _Line, seq: int) -> Iterator[str]:
        if event.seq != seq:
            yield f"seq {event.seq} should be {seq}"
        if event.time_ns < self._time_ns:
            yield f"time_ns {event.time_ns} is before {self._time_ns}, that of the event before"
        if event.causation_seq is not None and not 0 < event.causation_seq < event.seq:
            yield f"causation_seq {event.causation_seq} is not an earlier event"
        if not 0 < event.correlation_seq <= event.seq:
            yield f"correlation_seq {event.correlation_seq} is a later event"
        if not event.seq <= event.commit_seq < event.seq + COMMIT_EVENTS_MAX:
            yield f"commit_seq {event.commit_seq} cannot be the end of the commit"
        if len(self._open) > 1 and event.commit_seq != self._commit_seq:
            yield f"commit_seq {event.commit_seq} should be {self._commit_seq}, as in the event before"
        if not bytes(event.data).startswith(b"{"):
            yield "data is not an object"

    def _bad(self, seq: int, problem: str) -> None:
        self.note(self._name, self._line_number, seq, problem)

    def _hash(self, lines: list[bytes]) -> None:
        data = b"".join(lines)
        self._segment_sha256.update(data)
        self.log_sha256.update(data)
