"""Wire: batches and handlings cross unchanged, in bounded frames, and garbage is refused."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from bus import wire
from bus.bodies import AgentStopped, TelemetryReceived, TransportCounted
from bus.errors import ProtocolError
from bus.events import Delivery, Draft, Handling, Message
from tests.store.builders import bodies

names = st.text(max_size=20)
moments = st.integers(0, 2**63 - 1)
messages = st.builds(Message, moments, names, st.none() | names, bodies)
deliveries = st.lists(st.builds(Delivery, names, moments, messages), max_size=5)
drafts = st.lists(st.builds(Draft, bodies, st.none() | names), max_size=3).map(tuple)
outcomes = st.sampled_from(["acknowledged", "failed", "dead_lettered"])
handlings = st.builds(Handling, st.integers(1, 9), outcomes, moments, moments, drafts, st.text(max_size=20))


def delivery_of(size_chars: int, number: int = 0) -> Delivery:
    message = Message(1, "workload", "telemetry_stream", TelemetryReceived("x" * size_chars))
    return Delivery(f"workload-{number}.0", 2, message)


def received(frames: list[bytes]) -> list[Delivery]:
    found = []
    for frame in frames:
        message = wire.decode_to_agent(frame)
        assert isinstance(message, wire.Handle)
        found += wire.decode_deliveries(message)
    return found


@given(deliveries)
@settings(max_examples=60)
def test_deliveries_arrive_as_they_were_sent(batch: list[Delivery]) -> None:
    assert received(wire.encode_deliveries(batch)) == batch


@given(st.lists(st.lists(handlings, max_size=3), max_size=3))
@settings(max_examples=60)
def test_handlings_come_back_as_they_were_made(batch: list[list[Handling]]) -> None:
    message = wire.decode_from_agent(wire.encode_handlings(batch))
    assert isinstance(message, wire.Handled)
    assert wire.decode_handlings(message) == batch


@pytest.mark.parametrize("message", [wire.Configure(Raw(b'{"a":1}')), wire.Stop()])
def test_every_message_for_an_agent_round_trips(message: wire.Configure | wire.Stop) -> None:
    decoded = wire.decode_to_agent(wire.encode(message))
    assert msgspec.json.encode(decoded) == msgspec.json.encode(message)


@pytest.mark.parametrize(
    "message",
    [
        wire.Hello("witness", 7),
        wire.Ready("witness"),
        wire.Stopped(AgentStopped("witness", 1, "ab", 3), TransportCounted("witness", 7, 1, 2, 3, 4)),
    ],
    ids=lambda message: type(message).__name__,
)
def test_every_message_of_an_agent_round_trips(message: wire.FromAgent) -> None:
    assert wire.decode_from_agent(wire.encode(message)) == message


def test_a_long_batch_is_split_into_frames_of_bounded_size_in_order() -> None:
    batch = [delivery_of(60_000, number) for number in range(50)]
    frames = wire.encode_deliveries(batch)
    assert len(frames) > 1
    assert all(len(frame) < wire.BATCH_BYTES_MAX + 70_000 for frame in frames)
    assert received(frames) == batch


def test_a_short_batch_is_one_frame_and_an_empty_one_is_none() -> None:
    assert len(wire.encode_deliveries([delivery_of(10, n) for n in range(500)])) == 1
    assert wire.encode_deliveries([]) == []


def test_a_frame_over_the_limit_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ProtocolError, match="over the limit of 16,777,216"):
        wire.encode_deliveries([delivery_of(wire.FRAME_BYTES_MAX)])
    settings_json = Raw(b'"%b"' % (b"x" * wire.FRAME_BYTES_MAX))
    with pytest.raises(ProtocolError, match="over the limit"):
        wire.encode(wire.Configure(settings_json))


@given(st.binary(max_size=100))
def test_garbage_is_refused_at_both_ends(frame: bytes) -> None:
    with pytest.raises(ProtocolError):
        wire.decode_to_agent(frame)
    with pytest.raises(ProtocolError):
        wire.decode_from_agent(frame)


@pytest.mark.parametrize(
    "frame",
    [b"", b"{}", b'{"op":"dance"}', b'{"op":"handle"}', b'{"op":"hello","agent":"a","pid":1}', b"[" * 9999],
)
def test_what_is_no_message_for_an_agent_is_refused(frame: bytes) -> None:
    with pytest.raises(ProtocolError, match="not a message for an agent"):
        wire.decode_to_agent(frame)


@pytest.mark.parametrize(
    "delivery",
    [
        b"1",
        b"{}",
        b'{"key":"k","arrived_ns":-1,"time_ns":1,"source":"s","queue":null,"type":"t","data":{}}',
        b'{"key":"k","arrived_ns":1,"time_ns":1,"source":"s","queue":null,"type":"no.such","data":{}}',
        b'{"key":"k","arrived_ns":1,"time_ns":1,"source":"s","queue":null,"type":"telemetry.received","data":{}}',
    ],
)
def test_a_bad_delivery_in_a_good_frame_is_refused(delivery: bytes) -> None:
    frame = wire.decode_to_agent(b'{"op":"handle","deliveries":[%b]}' % delivery)
    assert isinstance(frame, wire.Handle)
    with pytest.raises(ProtocolError):
        wire.decode_deliveries(frame)


@pytest.mark.parametrize(
    "draft", [b'{"type":"no.such","queue":null,"data":{}}', b'{"type":"task.failed","queue":null,"data":{}}']
)
def test_a_bad_draft_in_a_good_handling_is_refused(draft: bytes) -> None:
    handling = (
        b'{"attempt":1,"outcome":"acknowledged","started_ns":1,"finished_ns":2,"drafts":[%b],"reason":""}'
    )
    frame = wire.decode_from_agent(b'{"op":"handled","handlings":[[' + handling % draft + b"]]}")
    assert isinstance(frame, wire.Handled)
    with pytest.raises(ProtocolError):
        wire.decode_handlings(frame)
