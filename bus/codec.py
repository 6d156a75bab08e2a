"""Turns events into lines of JSON and back, and chains their CRC. Must not touch files or sockets.

A line is ``{...,"crc":N}`` and a newline, where N is the CRC-32 (zlib, polynomial 0xEDB88320) of the JSON
object as it would be without the ``crc`` member, started from the CRC of the previous line (0 before the
first line).
"""

import zlib
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Raw, Struct

from bus.bodies import BODY_OF_TYPE, Body, Count, Name
from bus.errors import DamageError, ProtocolError
from bus.events import Event, Seq

LINE_BYTES_MAX = 1 << 20
"""No line of a log is longer, newline included."""

_CRC_MEMBER = b',"crc":'
DECODE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""All that msgspec raises for bytes that are not what was asked for."""


class Envelope(Struct, frozen=True, gc=False):
    """An event whose body is still JSON text: what a reader needs that does not look inside."""

    seq: Seq
    time_ns: Count
    type: Name
    source: Name
    queue: Name | None
    causation_seq: Seq | None
    correlation_seq: Seq
    commit_seq: Seq
    data: Raw
    crc: Annotated[int, Meta(ge=0, le=2**32 - 1)]


class SealedLine(NamedTuple):
    line: bytes
    crc: int


_encoder = msgspec.json.Encoder()
_envelope_decoder = msgspec.json.Decoder(Envelope)
_body_decoders = {name: msgspec.json.Decoder(body) for name, body in BODY_OF_TYPE.items()}


def encode_event(event: Event) -> bytes:
    """The event as one JSON object without the ``crc`` member and without a newline."""
    return _encoder.encode(event)


def seal_line(event_json: bytes, previous_crc: int) -> SealedLine:
    """The line for :func:`encode_event`'s result, and its CRC, which the next line is chained on."""
    crc = zlib.crc32(event_json, previous_crc)
    return SealedLine(b'%b,"crc":%d}\n' % (event_json[:-1], crc), crc)


def unseal_line(line: bytes) -> bytes:
    """What :func:`seal_line` was given for a sound line."""
    return line[: line.rfind(_CRC_MEMBER)] + b"}"


def check_line(line: bytes, previous_crc: int) -> int:
    """Check the chained CRC of a line (with or without its newline) and return it.

    Raises:
        DamageError: there is no ``crc`` member at the end, or its value is not the one computed.
    """
    cut = line.rfind(_CRC_MEMBER)
    if cut < 0:
        raise DamageError("the line has no crc at its end")
    crc = zlib.crc32(b"}", zlib.crc32(memoryview(line)[:cut], previous_crc))
    if line[cut:].rstrip(b"\n") != b"%b%d}" % (_CRC_MEMBER, crc):
        claimed = line[cut + len(_CRC_MEMBER) :].rstrip(b"}\n").decode(errors="replace")
        raise DamageError(f"crc {claimed} should be {crc}")
    return crc


def decode_envelope(line: bytes) -> Envelope:
    """Decode all but the body of a line.

    Raises:
        DamageError: the line is not JSON, or a member is missing or has the wrong type.
    """
    try:
        return _envelope_decoder.decode(line)
    except DECODE_ERRORS as error:
        raise DamageError(f"not an event: {error}") from None


def decode_body(type_name: str, body_json: bytes | Raw) -> Body:
    """Decode and validate a body.

    Raises:
        ProtocolError: no such type, or the body is not what its type demands.
    """
    decoder = _body_decoders.get(type_name)
    if decoder is None:
        raise ProtocolError(f"unknown event type {type_name!r}")
    try:
        return decoder.decode(body_json)
    except DECODE_ERRORS as error:
        raise ProtocolError(f"bad body of {type_name}: {error}") from None


def decode_event(line: bytes) -> Event:
    """Decode a whole line; its CRC is not checked here.

    Raises:
        DamageError: not an event.
        ProtocolError: an event whose type or body is unknown.
    """
    e = decode_envelope(line)
    return Event(
        e.seq,
        e.time_ns,
        e.type,
        e.source,
        e.queue,
        e.causation_seq,
        e.correlation_seq,
        e.commit_seq,
        decode_body(e.type, e.data),
    )
