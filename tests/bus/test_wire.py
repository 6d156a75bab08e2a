"""Wire: batches and handlings cross unchanged, in bounded frames, and garbage is refused."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from bus import wire
from bus.bodies import AgentStopped, TelemetryReceived, TransportCounted
from bus.errors import ProtocolError
from bus.events import Delivery, Draft, Handling, Message, Recalled
from tests.store.builders import bodies

names = st.text(max_size=20)
moments = st.integers(0, 2**63 - 1)
messages = st.builds(Message, moments, names, st.none() | names, bodies)
deliveries = st.lists(st.builds(Delivery, names, moments, messages, st.integers(0, 9)), max_size=5)
drafts = st.lists(st.builds(Draft, bodies, st.none() | names), max_size=3).map(tuple)
outcomes = st.sampled_from(["acknowledged", "failed", "dead_lettered", "deduplicated"])
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


def told(frames: list[bytes]) -> Recalled:
    """What the frames say together."""
    parts = []
    for frame in frames:
        message = wire.decode_to_agent(frame)
        assert isinstance(message, wire.Recall)
        parts.append(wire.decode_recalled(message))
    keys = tuple(key for part in parts for key in part.settled_keys)
    told_bodies = tuple(body for part in parts for body in part.bodies)
    return Recalled(parts[0].free_ns, parts[0].handled_count, keys, told_bodies)


@given(
    st.builds(Recalled, moments, moments, st.lists(names).map(tuple), st.lists(bodies, max_size=5).map(tuple))
)
@settings(max_examples=60)
def test_what_an_agent_is_told_when_it_starts_again_arrives_whole(recalled: Recalled) -> None:
    assert told(wire.encode_recalled(recalled)) == recalled


def test_what_an_agent_is_told_crosses_in_bounded_frames_when_it_is_long() -> None:
    recalled = Recalled(1, 2, ("a", "b"), (TelemetryReceived("x" * 60_000),) * 50)
    frames = wire.encode_recalled(recalled)
    assert len(frames) > 1
    assert all(len(frame) < wire.BATCH_BYTES_MAX + 70_000 for frame in frames)
    assert told(frames) == recalled


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


def handled(handlings: int, attempts: int, drafts: int, reason_characters: int = 0) -> bytes:
    draft = b'{"type":"truth.labelled","queue":null,"data":{"label":"none"}}'
    handling = (
        b'{"attempt":1,"outcome":"failed","started_ns":1,"finished_ns":2,"drafts":[%b],"reason":"%b"}'
        % (
            b",".join([draft] * drafts),
            b"x" * reason_characters,
        )
    )
    of_one = b"[" + b",".join([handling] * attempts) + b"]"
    return b'{"op":"handled","handlings":[%b]}' % b",".join([of_one] * handlings)


BOUNDS = {
    "handlings": wire.HANDLED_DELIVERIES_MAX,
    "attempts": wire.ATTEMPTS_MAX,
    "drafts": wire.DRAFTS_MAX,
}


@pytest.mark.parametrize("what", BOUNDS)
def test_a_frame_may_have_as_much_as_the_bound_and_no_more(what: str) -> None:
    one = dict.fromkeys(BOUNDS, 1)
    wire.decode_from_agent(handled(**(one | {what: BOUNDS[what]})))
    with pytest.raises(ProtocolError, match=f"length <= {BOUNDS[what]}"):
        wire.decode_from_agent(handled(**(one | {what: BOUNDS[what] + 1})))


def test_a_reason_is_bounded_too() -> None:
    wire.decode_from_agent(handled(1, 1, 1, 65_536))
    with pytest.raises(ProtocolError, match="length <= 65536"):
        wire.decode_from_agent(handled(1, 1, 1, 65_537))


@pytest.mark.parametrize(
    "frame",
    [
        b'{"op":"hello","agent":"a","pid":1,"x":1}',
        b'{"op":"ready","agent":"a","state_sha":""}',
        b'{"op":"handled","handlings":[],"x":[]}',
        handled(1, 1, 1).replace(b'"queue":null', b'"queue":null,"x":1'),
        handled(1, 1, 1).replace(b'"reason":""', b'"reason":"","x":1'),
    ],
)
def test_a_member_that_nobody_knows_is_refused_not_skipped(frame: bytes) -> None:
    with pytest.raises(ProtocolError, match="unknown field"):
        wire.decode_from_agent(frame)


def test_bytes_that_are_no_text_are_refused_even_where_a_decoder_does_not_look() -> None:
    state = b'"agent":"a","handled_count":1,"state_sha256":"","pattern_count":1'
    counted = (
        b'"agent":"a","pid":1,"delivery_count":1,"frame_count":1,"received_bytes":1,"sent_bytes":1,"%b":2'
    )
    stopped = b'{"op":"stopped","state":{%b},"counted":{%b}}' % (state, counted)
    wire.decode_from_agent(stopped % b"x")
    with pytest.raises(ProtocolError, match="not a message from an agent: 'utf-8'"):
        wire.decode_from_agent(stopped % b"\xff")


def test_a_frame_of_an_agent_is_bounded_in_size_and_nesting_before_it_is_decoded() -> None:
    with pytest.raises(ProtocolError, match="over the limit of 16,777,216"):
        wire.decode_from_agent(b" " * (wire.FRAME_BYTES_MAX + 1))
    with pytest.raises(ProtocolError, match="nested deeper than 32"):
        wire.decode_from_agent(b'{"op":"handled","handlings":' + b"[" * 100_000)
