"""A workload from a file: JSON lines ``{"ts"?, "label"?, "event": {"message", ...}}``.

Must not repair what it cannot read.

``ts`` is an ISO 8601 moment (UTC if it names no zone); a file has it on every line or on none. Other keys
beside these three are ignored; other keys of ``event`` are kept as ``attributes``.
"""

from hashlib import sha256
from pathlib import Path
from typing import get_args

import msgspec
from msgspec import Struct

from bus.bodies import Label, TelemetryReceived
from bus.codec import LINE_BYTES_MAX
from bus.errors import ProtocolError
from bus.nesting import check_nesting
from simulator.engine import Item
from simulator.errors import EventsFileError
from simulator.moment import parse_moment_ns
from simulator.workload import telemetry_item

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
FILE_BYTES_MAX = 1 << 30
RECORDS_MAX = 5_000_000
RECORD_BYTES_MAX = LINE_BYTES_MAX // 2
"""As JSON: what agents publish about a record repeats its message, and must fit a line of the log too."""
NAME_CHARACTERS_MAX = 256
_TEXT_FIELDS = frozenset({"severity", "component", "file", "error_type", "rule", "test_name"})


class _Line(Struct):
    event: dict[str, object]
    ts: str | None = None
    label: Label | None = None


class EventsFile(Struct, frozen=True):
    """The records of a file, in order of time."""

    sha256: str
    items: tuple[Item, ...]
    first_ns: int
    last_ns: int
    is_dated: bool
    """Whether the records have ``ts``."""


_decoder = msgspec.json.Decoder(_Line)


def read_events_file(path: Path, start_ns: int, interval_ns: int) -> EventsFile:
    """Read the whole file. Records without ``ts`` are spaced at ``interval_ns`` from ``start_ns``.

    Raises:
        EventsFileError: missing, empty, too large, or a line that is not a record; it names the line.
    """
    content = _content(path)
    dated: list[tuple[int, Item]] = []
    with_ts_count = 0
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        record = _record(path, number, line)
        if record.ts is not None:
            with_ts_count += 1
            time_ns = _moment_ns(path, number, record.ts)
        else:
            time_ns = start_ns + len(dated) * interval_ns
        if with_ts_count not in (0, len(dated) + 1):
            problem = "some lines have ts and some have not; give it to all or to none"
            raise EventsFileError(path, number, problem)
        telemetry = _telemetry(path, number, record.event)
        dated.append((number, telemetry_item(time_ns, telemetry, record.label)))
        if len(dated) > RECORDS_MAX:
            raise EventsFileError(path, number, f"more than {RECORDS_MAX:,} records; split the file")
    if not dated:
        raise EventsFileError(path, 1, 'no records; write lines like {"event": {"message": "..."}}')
    items = tuple(item for _, item in sorted(dated, key=lambda pair: (pair[1].time_ns, pair[0])))
    digest = sha256(content).hexdigest()
    return EventsFile(digest, items, items[0].time_ns, items[-1].time_ns, with_ts_count > 0)


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            path.stat()  # raises for a file that is not there
            raise EventsFileError(path, None, "not a regular file; give one to --events")
        if path.stat().st_size > FILE_BYTES_MAX:
            raise EventsFileError(path, None, f"larger than {FILE_BYTES_MAX:,} bytes; split the file")
        return path.read_bytes().removeprefix(BYTE_ORDER_MARK)
    except OSError as error:
        raise EventsFileError(
            path, None, f"cannot read it: {error.strerror}; check the path given to --events"
        ) from None


def _record(path: Path, number: int, line: bytes) -> _Line:
    try:
        line.decode()
        check_nesting(line)
        return _decoder.decode(line)
    except UnicodeDecodeError as error:
        problem = f"byte {error.start + 1} of the line, 0x{line[error.start]:02x}, is not UTF-8"
        raise EventsFileError(path, number, f"{problem}; write the file as UTF-8") from None
    except (ProtocolError, msgspec.MsgspecError, RecursionError) as error:
        shown = line[:60].decode(errors="replace")
        problem = f"{_with_labels(str(error))}: {shown!r}"
        raise EventsFileError(
            path, number, f'{problem}; a line is {{"event": {{"message": "..."}}}}'
        ) from None


def _with_labels(message: str) -> str:
    is_label = message.startswith("Invalid enum value") and message.endswith("`$.label`")
    return f"{message}; it is one of {', '.join(get_args(Label))}" if is_label else message


def _telemetry(path: Path, number: int, event: dict[str, object]) -> TelemetryReceived:
    message = event.get("message")
    if isinstance(message, str) and not message.strip():
        raise EventsFileError(path, number, "event.message is empty; say what happened")
    fields = {key: value for key, value in event.items() if _fits(key, value)}
    others = {key: _as_text(value) for key, value in event.items() if key not in fields and value is not None}
    try:
        telemetry = msgspec.convert({**fields, "attributes": others}, TelemetryReceived)
    except msgspec.ValidationError as error:
        raise EventsFileError(path, number, f"in event: {error}; mend the line") from None
    if len(msgspec.json.encode(telemetry)) > RECORD_BYTES_MAX:
        raise EventsFileError(path, number, f"event is longer than {RECORD_BYTES_MAX:,} bytes; shorten it")
    return telemetry


def _fits(key: str, value: object) -> bool:
    """Whether a value goes into the field of its name; any other is kept as an attribute."""
    if key in _TEXT_FIELDS:
        return isinstance(value, str) and len(value) <= NAME_CHARACTERS_MAX
    if key == "line":
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
    return key == "message"


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _moment_ns(path: Path, number: int, text: str) -> int:
    try:
        return parse_moment_ns(text)
    except ValueError as error:
        problem = f"ts {text!r} cannot be used ({error}); write it like 2026-11-19T08:30:00Z"
        raise EventsFileError(path, number, problem) from None
