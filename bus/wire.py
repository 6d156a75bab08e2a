"""What travels between the sequencer's process and an agent's: one JSON object a frame.

Must not open sockets.

=============  =========================  ==================================================================
``op``         direction                  meaning
=============  =========================  ==================================================================
``hello``      agent to sequencer         I am this agent, in this process; sent until ``configure`` comes
``configure``  sequencer to agent         settings of the run for this agent, as JSON
``recall``     sequencer to agent         what it knew when it ended last, a part of it
``ready``      agent to sequencer         built, recalled all that was announced; deliveries may come
``handle``     sequencer to agent         a batch of deliveries, in order
``handled``    agent to sequencer         the handlings of that batch: a list for each delivery, in order
``stop``       sequencer to agent         no more will come
``stopped``    agent to sequencer         the last state, and what this end of the transport counted
=============  =========================  ==================================================================
"""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from bus.bodies import AgentStopped, Body, Count, Name, Text, TransportCounted
from bus.codec import decode_body
from bus.errors import ProtocolError
from bus.events import Delivery, Draft, Handling, Message, Recalled
from bus.nesting import check_nesting

FRAME_BYTES_MAX = 16 << 20
"""No frame is longer; see :func:`encode_deliveries` for how a batch is kept far below."""
RECALLED_KEYS_MAX = 10_000
"""In one ``recall`` frame."""
BATCH_BYTES_MAX = 1 << 20
"""A batch is closed when its deliveries reach this size."""
HANDLED_DELIVERIES_MAX = 16_384
"""In one ``handled`` frame; a batch of the shortest deliveries has half as many."""
ATTEMPTS_MAX = 1_024
"""Of one delivery, in one frame."""
DRAFTS_MAX = 4_096
"""Of one attempt."""


class Hello(Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="hello"):
    agent: Name
    pid: Count


class Configure(Struct, frozen=True, tag_field="op", tag="configure"):
    settings: Raw
    """JSON whose shape the composition root knows."""
    recall_frame_count: Count = 0
    """So many ``recall`` frames follow before anything else."""


class Recall(Struct, frozen=True, tag_field="op", tag="recall"):
    """A part of :class:`bus.events.Recalled`; the figures are those of the whole."""

    free_ns: Count
    handled_count: Count
    settled_keys: list[Name]
    bodies: list["WireBody"]


class WireBody(Struct, frozen=True, gc=False):
    type: Name
    data: Raw


class Ready(Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="ready"):
    agent: Name
    recalled_count: Count = 0
    """Bodies that it was told and has folded."""
    state_sha256: Name = ""
    """Of what it knows after that, as in ``agent.stopped``."""


class WireDelivery(Struct, frozen=True, gc=False):
    key: Name
    arrived_ns: Count
    time_ns: Count
    source: Name
    queue: Name | None
    type: Name
    data: Raw
    attempt_count: Count = 0


class Handle(Struct, frozen=True, tag_field="op", tag="handle"):
    deliveries: list[Raw]
    """Each a :class:`WireDelivery`."""


class WireDraft(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    type: Name
    queue: Name | None
    data: Raw


class WireHandling(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    attempt: Count
    outcome: Literal["acknowledged", "failed", "dead_lettered", "deduplicated"]
    started_ns: Count
    finished_ns: Count
    drafts: Annotated[list[WireDraft], Meta(max_length=DRAFTS_MAX)]
    reason: Text


WireAttempts = Annotated[list[WireHandling], Meta(max_length=ATTEMPTS_MAX)]


class Handled(Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="handled"):
    handlings: Annotated[list[WireAttempts], Meta(max_length=HANDLED_DELIVERIES_MAX)]


class Stop(Struct, frozen=True, tag_field="op", tag="stop"):
    pass


class Stopped(Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="stopped"):
    state: AgentStopped
    counted: TransportCounted


ToAgent = Configure | Recall | Handle | Stop
FromAgent = Hello | Ready | Handled | Stopped


class _DeliveryOut(Struct, frozen=True, gc=False):
    key: str
    arrived_ns: int
    time_ns: int
    source: str
    queue: str | None
    type: str
    data: Body
    attempt_count: int


class _DraftOut(Struct, frozen=True, gc=False):
    type: str
    queue: str | None
    data: Body


class _HandlingOut(Struct, frozen=True, gc=False):
    attempt: int
    outcome: str
    started_ns: int
    finished_ns: int
    drafts: list[_DraftOut]
    reason: str


class _HandledOut(Struct, frozen=True, tag_field="op", tag="handled"):
    handlings: list[list[_HandlingOut]]


_encoder = msgspec.json.Encoder()
_delivery_decoder = msgspec.json.Decoder(WireDelivery)
_to_agent_decoder: msgspec.json.Decoder[ToAgent] = msgspec.json.Decoder(ToAgent)
_from_agent_decoder: msgspec.json.Decoder[FromAgent] = msgspec.json.Decoder(FromAgent)
_DECODE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def encode(message: ToAgent | FromAgent) -> bytes:
    """A frame.

    Raises:
        ProtocolError: it would be longer than :data:`FRAME_BYTES_MAX`.
    """
    return _bounded(_encoder.encode(message))


def encode_deliveries(deliveries: Sequence[Delivery]) -> list[bytes]:
    """``handle`` frames for the deliveries, in order; more than one when they are long."""
    frames: list[bytes] = []
    batch: list[Raw] = []
    size_bytes = 0
    for delivery in deliveries:
        message = delivery.message
        encoded = _encoder.encode(
            _DeliveryOut(
                delivery.key,
                delivery.arrived_ns,
                message.time_ns,
                message.source,
                message.queue,
                message.data.TYPE,
                message.data,
                delivery.attempt_count,
            )
        )
        batch.append(Raw(encoded))
        size_bytes += len(encoded)
        if size_bytes >= BATCH_BYTES_MAX:
            frames.append(encode(Handle(batch)))
            batch, size_bytes = [], 0
    if batch:
        frames.append(encode(Handle(batch)))
    return frames


def decode_deliveries(frame: Handle) -> list[Delivery]:
    """Raises ProtocolError when a delivery is not one, or its body is not what its type demands."""
    deliveries = []
    for encoded in frame.deliveries:
        try:
            d = _delivery_decoder.decode(encoded)
        except _DECODE_ERRORS as error:
            raise ProtocolError(f"not a delivery: {error}") from None
        message = Message(d.time_ns, d.source, d.queue, decode_body(d.type, d.data))
        deliveries.append(Delivery(d.key, d.arrived_ns, message, d.attempt_count))
    return deliveries


def encode_recalled(recalled: Recalled) -> list[bytes]:
    """``recall`` frames, at least one; more when the bodies are long or the keys many."""
    parts: list[list[WireBody]] = [[]]
    size_bytes = 0
    for body in recalled.bodies:
        encoded = _encoder.encode(body)
        size_bytes += len(encoded)
        if size_bytes >= BATCH_BYTES_MAX:
            parts.append([])
            size_bytes = len(encoded)
        parts[-1].append(WireBody(body.TYPE, Raw(encoded)))
    settled = recalled.settled_keys
    starts = range(0, len(settled), RECALLED_KEYS_MAX)
    keys = [list(settled[start : start + RECALLED_KEYS_MAX]) for start in starts]
    return [
        encode(Recall(recalled.free_ns, recalled.handled_count, some_keys or [], part or []))
        for some_keys, part in zip_longest(keys, parts)
    ]


def decode_recalled(frame: Recall) -> Recalled:
    """The part that this frame carries. Raises ProtocolError when a body is not what its type demands."""
    bodies = tuple(decode_body(body.type, body.data) for body in frame.bodies)
    return Recalled(frame.free_ns, frame.handled_count, tuple(frame.settled_keys), bodies)


def encode_handlings(handlings: Sequence[Sequence[Handling]]) -> bytes:
    """The ``handled`` frame for a batch: for each delivery, in order, its attempts."""
    return _bounded(
        _encoder.encode(_HandledOut([[_handling_out(h) for h in attempts] for attempts in handlings]))
    )


def decode_handlings(frame: Handled) -> list[list[Handling]]:
    """Raises ProtocolError when a draft's type is unknown or its body is not what the type demands."""
    return [
        [
            Handling(
                h.attempt,
                h.outcome,
                h.started_ns,
                h.finished_ns,
                tuple(Draft(decode_body(d.type, d.data), d.queue) for d in h.drafts),
                h.reason,
            )
            for h in attempts
        ]
        for attempts in frame.handlings
    ]


def decode_to_agent(frame: bytes) -> ToAgent:
    """Raises ProtocolError when the frame is not a message for an agent."""
    try:
        return _to_agent_decoder.decode(frame)
    except _DECODE_ERRORS as error:
        raise ProtocolError(f"not a message for an agent: {error}") from None


def decode_from_agent(frame: bytes) -> FromAgent:
    """Raises ProtocolError when the frame is not a message from an agent.

    The frame may be anything: it is checked for its length, its nesting and its UTF-8 (of which a decoder
    looks only at what it keeps) before it is decoded.
    """
    check_nesting(_bounded(frame))
    try:
        if not frame.isascii():
            frame.decode()
        return _from_agent_decoder.decode(frame)
    except _DECODE_ERRORS as error:
        raise ProtocolError(f"not a message from an agent: {error}") from None


def _handling_out(handling: Handling) -> _HandlingOut:
    return _HandlingOut(
        handling.attempt,
        handling.outcome,
        handling.started_ns,
        handling.finished_ns,
        [_DraftOut(draft.data.TYPE, draft.queue, draft.data) for draft in handling.drafts],
        handling.reason,
    )


def _bounded(frame: bytes) -> bytes:
    if len(frame) > FRAME_BYTES_MAX:
        raise ProtocolError(f"a frame of {len(frame):,} bytes is over the limit of {FRAME_BYTES_MAX:,}")
    return frame
