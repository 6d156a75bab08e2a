"""What the sandbox and its parent say to each other: one request, then frames. Must not run anything.

A frame is a kind (one byte), a length (four, big-endian) and MessagePack. No form in it can run code. Values
that MessagePack does not know travel as extensions, so that they come out with the types DuckDB gave them.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Literal, NamedTuple
from uuid import UUID  # noqa: TID251 - to carry the ids that a query gives, not to draw new ones

import msgspec
from msgspec import Struct
from msgspec.msgpack import Ext

HEAD_BYTES = 5
"""Kind and length of a frame."""
REQUEST_BYTES_MAX = 4 << 20
NESTED_VALUE_BYTES = 64
"""What one value inside a list or a struct is counted for; about what Python needs to hold it."""
_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**64 - 1
# Columns of these types need no look at their values.
PLAIN_TYPES = frozenset(
    {
        *("boolean", "null", "varchar", "blob", "bit", "enum", "float", "double"),
        *("tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger", "ubigint"),
    }
)

Row = tuple[object, ...]
ProblemKind = Literal["wrong", "refused", "time", "memory", "size", "depth", "damage"]


class Request(Struct, frozen=True):
    database: str
    """Absolute path of the DuckDB file."""
    memory_mb: int
    statement_ms_max: int
    row_count_max: int
    result_bytes_max: int
    depth_max: int
    lock_sql: str
    """What closes the sandbox; run before anything that a person wrote."""
    variables: list[tuple[str, str | int]]
    """Statements of the project that take one value each."""
    sql: str


class Problem(Struct, frozen=True):
    kind: ProblemKind
    message: str
    """Of ``memory``: how many MB DuckDB may use, if it was not the process that met its limit."""


class FrameKind(IntEnum):
    COLUMNS = 1
    ROWS = 2
    END = 3
    PROBLEM = 4


class Extension(IntEnum):
    INTEGER = 1
    DATE = 2
    DATETIME = 3
    TIME = 4
    TIMEDELTA = 5
    DECIMAL = 6
    UUID = 7
    TUPLE = 8


class Head(NamedTuple):
    kind: FrameKind
    size_bytes: int


_encode = msgspec.msgpack.Encoder().encode


def encode_frame(kind: FrameKind, content: object) -> bytes:
    body = _encode(content)
    return bytes([kind]) + len(body).to_bytes(4, "big") + body


def decode_head(head: bytes) -> Head:
    """Raises ValueError for a kind that does not exist."""
    return Head(FrameKind(head[0]), int.from_bytes(head[1:HEAD_BYTES], "big"))


class Packer:
    """Turns rows of DuckDB into what MessagePack can carry, and counts the values inside values."""

    def __init__(self, type_names: Sequence[str]) -> None:
        self._typed = [index for index, name in enumerate(type_names) if name not in PLAIN_TYPES]
        self.nested_count = 0

    def rows(self, rows: list[Row]) -> Sequence[Sequence[object]]:
        if not self._typed:
            return rows
        lists = [list(row) for row in rows]
        for row in lists:
            for index in self._typed:
                row[index] = self._packed(row[index])
        return lists

    def _packed(self, value: object) -> object:
        match value:
            case None | bool() | float() | str() | bytes():
                return value
            case int():
                is_small = _INTEGER_MIN <= value <= _INTEGER_MAX
                return value if is_small else _extension(Extension.INTEGER, str(value).encode())
            case list():
                self.nested_count += len(value)
                return [self._packed(item) for item in value]
            case dict():
                self.nested_count += 2 * len(value)
                return {self._packed(key): self._packed(item) for key, item in value.items()}
            case tuple():
                self.nested_count += len(value)
                return _extension(Extension.TUPLE, _encode([self._packed(item) for item in value]))
        return _packed_scalar(value)


def _extension(kind: Extension, content: bytes) -> Ext:
    return Ext(kind.value, content)


def _packed_scalar(value: object) -> object:
    match value:
        case datetime():  # before date, of which it is one
            return _extension(Extension.DATETIME, value.isoformat().encode())
        case date():
            return _extension(Extension.DATE, value.isoformat().encode())
        case time():
            return _extension(Extension.TIME, value.isoformat().encode())
        case timedelta():
            return _extension(Extension.TIMEDELTA, _encode((value.days, value.seconds, value.microseconds)))
        case Decimal():
            return _extension(Extension.DECIMAL, str(value).encode())
        case UUID():
            return _extension(Extension.UUID, str(value).encode())
    return str(value)


_UNPACK: dict[Extension, Callable[[str], object]] = {
    Extension.INTEGER: int,
    Extension.DATE: date.fromisoformat,
    Extension.DATETIME: datetime.fromisoformat,
    Extension.TIME: time.fromisoformat,
    Extension.DECIMAL: Decimal,
    Extension.UUID: UUID,
}


def _unpacked(code: int, content: memoryview) -> object:
    """An extension's value. ValueError for one that nobody packed."""
    extension = Extension(code)
    if extension is Extension.TUPLE:
        return tuple(_values.decode(content))
    if extension is Extension.TIMEDELTA:
        days, seconds, microseconds = msgspec.msgpack.decode(content, type=tuple[int, int, int])
        return timedelta(days, seconds, microseconds)
    return _UNPACK[extension](bytes(content).decode())


_values = msgspec.msgpack.Decoder(list[object], ext_hook=_unpacked)
_rows = msgspec.msgpack.Decoder(list[tuple[object, ...]], ext_hook=_unpacked)


def decode_rows(content: bytes) -> list[Row]:
    return _rows.decode(content)
