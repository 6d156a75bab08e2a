"""Labelled records from a file: JSON lines ``{"label", "event": {"message", ...}, ...}``.

Must not repair what it cannot read. The lines are those of ``trinity run --events`` with a label on each. Any
other key may say which group a record belongs to, such as the project that it comes from.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from bus.bodies import Label, TelemetryReceived
from bus.errors import ProtocolError
from bus.nesting import check_nesting
from simulator.errors import EventsFileError

FILE_BYTES_MAX = 1 << 28
RECORDS_MAX = 200_000
MESSAGE_CHARACTERS_MAX = 100_000
GROUP_KEY = "origin.where"
_GROUP_END = re.compile(r"[@:# ]")
_TEXT_FIELDS = ("severity", "rule", "error_type", "test_name")
"""What the detector looks at beside the message."""


class LabelledRecord(NamedTuple):
    label: Label
    telemetry: TelemetryReceived
    group: str
    """Empty if the line names none."""
    line: int
    """Of the file, from 1."""

    @property
    def family(self) -> str:
        """Groups of one owner, as in ``owner/project``, are one family."""
        return self.group.partition("/")[0]


class LabelledFile(NamedTuple):
    records: list[LabelledRecord]
    sha256: str

    @property
    def groups(self) -> list[str]:
        return sorted({record.group for record in self.records})


class _Line(Struct):
    label: Label
    event: dict[str, object]


_decoder = msgspec.json.Decoder(_Line)
_raw_decoder = msgspec.json.Decoder(dict[str, object])


def read_labelled(path: Path, group_key: str = GROUP_KEY) -> LabelledFile:
    """Read the whole file. ``group_key`` is a path of keys with dots between them.

    A group's name ends before the first ``@``, ``:``, ``#`` or space, so that ``owner/project@1f3c:file`` is
    of the group ``owner/project``.

    Raises:
        EventsFileError: missing, empty, too large, or a line that is no labelled record; it names the line.
    """
    content = _content(path)
    records = []
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            records.append(_record(path, number, line, group_key))
        if len(records) > RECORDS_MAX:
            raise EventsFileError(path, number, f"more than {RECORDS_MAX:,} records; split the file")
    if not records:
        raise EventsFileError(
            path, 1, 'no records; write lines like {"label": "none", "event": {"message": "..."}}'
        )
    return LabelledFile(records, sha256(content).hexdigest())


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise EventsFileError(path, 1, f"larger than {FILE_BYTES_MAX:,} bytes; split the file")
        return path.read_bytes()
    except OSError as error:
        raise EventsFileError(
            path, 1, f"cannot read it: {error.strerror}; check the path given to --data"
        ) from None


def _record(path: Path, number: int, line: bytes, group_key: str) -> LabelledRecord:
    try:
        check_nesting(line)
        decoded = _decoder.decode(line)
        message = decoded.event.get("message")
        if not isinstance(message, str) or not message.strip() or len(message) > MESSAGE_CHARACTERS_MAX:
            raise EventsFileError(
                path, number, f"event.message must be a text of 1 to {MESSAGE_CHARACTERS_MAX:,} characters"
            )
        telemetry = _telemetry(message, decoded.event)
        return LabelledRecord(decoded.label, telemetry, _group(_raw_decoder.decode(line), group_key), number)
    except (ProtocolError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        problem = f'{error}; a line is {{"label": "none", "event": {{"message": "..."}}}}'
        raise EventsFileError(path, number, problem) from None


def _telemetry(message: str, event: Mapping[str, object]) -> TelemetryReceived:
    """The fields that the detector looks at; any other is left out."""
    severity, rule, error_type, test_name = (_text(event.get(name)) for name in _TEXT_FIELDS)
    return TelemetryReceived(
        message, severity=severity, rule=rule, error_type=error_type, test_name=test_name
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _group(record: Mapping[str, object], group_key: str) -> str:
    value: object = record
    for key in group_key.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return _GROUP_END.split(value, maxsplit=1)[0] if isinstance(value, str) else ""


def bare(telemetry: TelemetryReceived) -> TelemetryReceived:
    """The message alone, without any field."""
    return TelemetryReceived(telemetry.message)
