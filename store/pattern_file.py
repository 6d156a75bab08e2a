"""A file of patterns that runs learned, for later runs to begin with. Must not know what they are good for.

The first line is a :class:`Header`, each further one a :class:`CarriedPattern`, as JSON; the most useful
pattern comes first. The header has the SHA-256 of all that follows it. A file is replaced whole, and only
by a run that began with what it holds: what another run taught leaves it only if a run forgets it, which is
on that run's log, or if the file would become too large.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from bus.body import Count, Name, PatternKind
from bus.errors import DamageError, EnvironmentProblem, InputError
from store.layout import has_log
from store.whole_file import write_whole

FORMAT = "trinity-patterns-1"
PATTERNS_MAX = 1_000_000
FILE_BYTES_MAX = 1 << 29
"""Half a gibibyte: a pattern takes about 300 bytes."""
MESSAGE_CHARACTERS_MAX = 1_000
FEEDBACK_COUNT_MAX = 10**12
"""Of one pattern. The sum over a file still fits in 63 bits."""
_HEADER_BYTES_MAX = 4_096
FeedbackCount = Annotated[int, Meta(ge=0, le=FEEDBACK_COUNT_MAX)]


class CarriedPattern(Struct, frozen=True, forbid_unknown_fields=True):
    """A pattern with what feedback said about it, and which runs know that."""

    kind: PatternKind
    message: Annotated[str, Meta(max_length=MESSAGE_CHARACTERS_MAX)]
    """The example."""
    confirmed_count: FeedbackCount
    refuted_count: FeedbackCount
    first_run: Name
    """The run that taught it first: name of its folder, a colon, the beginning of its log's digest."""
    first_seq: Count
    """Of the ``pattern.learned`` on that run's log."""
    last_run: Name
    """The run whose feedback touched it last."""
    last_seq: Count


class Header(Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    """:data:`FORMAT`."""
    embedder: Name
    """Which texts counted as nearly the same depended on it."""
    dimension_count: Count
    count: Count
    """Of patterns."""
    sha256: str
    """Of all behind this line, in hexadecimal."""


class PatternFile(NamedTuple):
    header: Header
    patterns: list[CarriedPattern]
    content: bytes
    sha256: str
    """Of the whole file."""


_decoder = msgspec.json.Decoder(CarriedPattern)


def encode_patterns(embedder: str, dimension_count: int, patterns: Sequence[CarriedPattern]) -> str:
    """The text of a file."""
    lines = b"".join(msgspec.json.encode(pattern) + b"\n" for pattern in patterns)
    header = Header(FORMAT, embedder, dimension_count, len(patterns), sha256(lines).hexdigest())
    return (msgspec.json.encode(header) + b"\n" + lines).decode()


def within_limits(patterns: Sequence[CarriedPattern]) -> Sequence[CarriedPattern]:
    """As many as a file can hold; the last ones, which are the least useful, are left out."""
    room_bytes = FILE_BYTES_MAX - _HEADER_BYTES_MAX
    for count, pattern in enumerate(patterns):
        room_bytes -= len(msgspec.json.encode(pattern)) + 1
        if room_bytes < 0 or count == PATTERNS_MAX:
            return patterns[:count]
    return patterns


def decode_patterns(content: bytes, place: str) -> PatternFile:
    """The patterns in a file's content; ``place`` names it in errors.

    Raises:
        InputError: it holds no patterns, too many, or is of another version.
        DamageError: it is not what was written.
    """
    first, newline, rest = content.partition(b"\n")
    header = _header(first[: _HEADER_BYTES_MAX + 1], place)
    if not newline or sha256(rest).hexdigest() != header.sha256:
        raise _damage(place, "its SHA-256 is not the one that it names")
    if header.count > PATTERNS_MAX:
        raise InputError(f"{place} holds {header.count:,} patterns; at most {PATTERNS_MAX:,} can be carried")
    lines = rest.splitlines()
    if len(lines) != header.count:
        raise _damage(place, f"it has {len(lines)} patterns, by its first line {header.count}")
    patterns = [_pattern(line, f"{place}:{number}") for number, line in enumerate(lines, start=2)]
    return PatternFile(header, patterns, content, sha256(content).hexdigest())


def read_patterns(path: Path) -> PatternFile | None:
    """The patterns in a file; None if there is none.

    Raises:
        InputError, DamageError: as :func:`decode_patterns`, or the path cannot be one of such a file.
        EnvironmentProblem: the system refuses to read it.
    """
    try:
        if not path.exists():
            return None
        if not path.is_file():
            raise InputError(f"{path} is no file; give the path of one with patterns, or a new one")
        if path.stat().st_size > FILE_BYTES_MAX:
            raise InputError(
                f"{path} is larger than {FILE_BYTES_MAX:,} bytes; it holds no patterns of Trinity"
            )
        content = path.read_bytes()
    except OSError as error:
        problem = f"cannot be read: {error.strerror}; make it readable, or give another path"
        raise EnvironmentProblem(f"{path}: {problem}") from None
    return decode_patterns(content, str(path))


def check_writable(path: Path) -> None:
    """Whether a file can be written there later, as far as that can be told now.

    Raises:
        InputError: it is in no folder, or in that of a run, which keeps what it began with.
    """
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; make it first")
    if has_log(path.parent / "events"):
        raise InputError(f"{path} belongs to a run, which keeps it as it was; copy it and give the copy")
    if not os.access(path.parent, os.W_OK):
        raise EnvironmentProblem(f"{path}: nothing can be written in {path.parent}; choose another folder")


def replace_patterns(path: Path, text: str, expected_sha256: str | None) -> bool:
    """Write a file anew if it still is what it was (None: not there); False if it is not.

    Raises:
        EnvironmentProblem: the system refuses.
    """
    try:
        with _locked(path) as is_mine:
            if not is_mine or _sha256_of(path) != expected_sha256:
                return False
            write_whole(path, text)
            return True
    except OSError as error:
        problem = f"cannot be written: {error.strerror}; free space, or choose another path"
        raise EnvironmentProblem(f"{path}: {problem}") from None


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Holds the lock of a file, if nobody else is writing that file at this moment.

    The lock is on a file beside it, since the file itself is replaced. The kernel lets go of it when its
    holder ends, however it ends.
    """
    fd = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)


def _sha256_of(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            digest = sha256()
            while block := file.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()
    except FileNotFoundError:
        return None


def _header(line: bytes, place: str) -> Header:
    try:
        version = msgspec.json.decode(line, type=dict[str, object]).get("format")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        version = None
    if not isinstance(version, str) or not version.startswith("trinity-patterns-"):
        raise InputError(f"{place} holds no patterns; give a file that --memory made, or a new one")
    if version != FORMAT:
        problem = f"is of format {version[:40]!r}, not {FORMAT!r}; use the Trinity that made it"
        raise InputError(f"{place} {problem}")
    try:
        return msgspec.json.decode(line, type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _damage(place, str(error)) from None


def _pattern(line: bytes, place: str) -> CarriedPattern:
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _damage(place, str(error)) from None


def _damage(place: str, problem: str) -> DamageError:
    return DamageError(f"{place} is damaged: {problem}; restore it from a copy, or begin with a new file")
