"""What travels between the sequencer's process and an agent's: one JSON object a frame.

Must not open sockets.

=============  =========================  ==================================================================
``op``         direction                  meaning
=============  =========================  ==================================================================
``hello``      agent to sequencer         I am this agent, in this process; sent until ``configure`` comes
``configure``  sequencer to agent         settings of the run for this agent, as JSON
``ready``      agent to sequencer         built; deliveries may come
``handle``     sequencer to agent         a batch of deliveries, in order
``handled``    agent to sequencer         the handlings of that batch: a list for each delivery, in order
``stop``       sequencer to agent         no more will come
``stopped``    agent to sequencer         the last state, and what this end of the transport counted
=============  =========================  ==================================================================
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from bus.bodies import AgentStopped, Body, Count, Name, TransportCounted
from bus.codec import decode_body
from bus.errors import ProtocolError
from bus.events import Delivery, Draft, Handling, Message

FRAME_BYTES_MAX = 16 << 20
"""No frame is longer; see :func:`encode_deliveries` for how a batch is kept far below."""
BATCH_BYTES_MAX = 1 << 20
"""A batch is closed when its deliveries reach this size."""


class Hello(Struct, frozen=True, tag_field="op", tag="hello"):
    agent: Name
    pid: Count


class Configure(Struct, frozen=True, tag_field="op", tag="configure"):
    settings: Raw
    """JSON whose shape the composition root knows."""


class Ready(Struct, frozen=True, tag_field="op", tag="ready"):
    agent: Name


class WireDelivery(Struct, frozen=True, gc=False):
    key: Name
    arrived_ns: Count
    time_ns: Count
    source: Name
    queue: Name | None
    type: Name
    data: Raw


class Handle(Struct, frozen=True, tag_field="op", tag="handle"):
    deliveries: list[Raw]
    """Each a :class:`WireDelivery`."""


class WireDraft(Struct, frozen=True, gc=False):
    type: Name
    queue: Name | None
    data: Raw


class WireHandling(Struct, frozen=True, gc=False):
    attempt: Count
    outcome: Literal["acknowledged", "failed", "dead_lettered"]
    started_ns: Count
    finished_ns: Count
    drafts: list[WireDraft]
    reason: str


class Handled(Struct, frozen=True, tag_field="op", tag="handled"):
    handlings: list[list[WireHandling]]


class Stop(Struct, frozen=True, tag_field="op", tag="stop"):
    pass


class Stopped(Struct, frozen=True, tag_field="op", tag="stopped"):
    state: AgentStopped
    counted: TransportCounted


ToAgent = Configure | Handle | Stop
FromAgent = Hello | Ready | Handled | Stopped


class _DeliveryOut(Struct, frozen=True, gc=False):
    key: str
    arrived_ns: int
    time_ns: int
    source: str
    queue: str | None
    type: str
    data: Body


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
        deliveries.append(Delivery(d.key, d.arrived_ns, message))
    return deliveries


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
    """Raises ProtocolError when the frame is not a message from an agent."""
    try:
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
