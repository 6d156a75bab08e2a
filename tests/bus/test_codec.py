"""Codec: what is written as a line is read back as the same event, and no other line is."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.bodies import BODIES, BODY_OF_TYPE, Body, RunFinished, TelemetryReceived
from bus.codec import check_line, decode_body, decode_envelope, decode_event, encode_event, seal_line
from bus.errors import DamageError, ProtocolError
from bus.events import Event
from tests.store.builders import bodies, strategy_of

BIGGEST = 2**63 - 1
seqs = st.integers(1, BIGGEST)
crcs = st.integers(0, 2**32 - 1)
names = st.text(max_size=20)


@st.composite
def events(draw: st.DrawFn) -> Event:
    body = draw(bodies)
    return Event(
        draw(seqs),
        draw(st.integers(0, BIGGEST)),
        body.TYPE,
        draw(names),
        draw(st.none() | names),
        draw(st.none() | seqs),
        draw(seqs),
        draw(seqs),
        body,
    )


def an_event(message: str = "it broke") -> Event:
    return Event(
        1, 5, "telemetry.received", "workload", "telemetry_stream", None, 1, 1, TelemetryReceived(message)
    )


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.TYPE)
def test_every_body_comes_back_as_it_was(body: type[Body]) -> None:
    @given(strategy_of(msgspec.inspect.type_info(body)))
    def round_trip(value: object) -> None:
        assert isinstance(value, body)
        assert decode_body(body.TYPE, msgspec.json.encode(value)) == value

    round_trip()


@given(events(), crcs)
def test_every_event_comes_back_as_it_was(event: Event, previous_crc: int) -> None:
    sealed = seal_line(encode_event(event), previous_crc)
    assert decode_event(sealed.line) == event
    assert check_line(sealed.line, previous_crc) == sealed.crc
    assert sealed.line.count(b"\n") == 1
    assert sealed.line.endswith(b"\n")


@given(events(), crcs, st.data())
def test_a_line_with_one_flipped_bit_fails_its_crc(
    event: Event, previous_crc: int, data: st.DataObject
) -> None:
    line = bytearray(seal_line(encode_event(event), previous_crc).line)
    position = data.draw(st.integers(0, len(line) - 2))
    line[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(DamageError):
        check_line(bytes(line), previous_crc)


@given(events(), crcs, crcs)
def test_the_crc_is_chained_on_the_line_before(event: Event, previous_crc: int, other_crc: int) -> None:
    line = seal_line(encode_event(event), previous_crc).line
    if other_crc == previous_crc:
        assert check_line(line, other_crc)
    else:
        with pytest.raises(DamageError):
            check_line(line, other_crc)


def test_every_type_name_belongs_to_one_body() -> None:
    assert len(BODY_OF_TYPE) == len(BODIES)
    assert all(BODY_OF_TYPE[body.TYPE] is body for body in BODIES)


def test_a_line_is_the_json_that_the_format_promises() -> None:
    assert seal_line(encode_event(an_event()), 0).line == (
        b'{"seq":1,"time_ns":5,"type":"telemetry.received","source":"workload","queue":"telemetry_stream",'
        b'"causation_seq":null,"correlation_seq":1,"commit_seq":1,"data":{"message":"it broke"},'
        b'"crc":4160707300}\n'
    )


def test_an_unknown_type_is_refused_by_name() -> None:
    with pytest.raises(ProtocolError, match=r"'telemetry\.guessed'"):
        decode_body("telemetry.guessed", b"{}")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"message":1}', b"{}", b'{"message":"\xff"}', b"[" * 5000]
)
def test_a_body_that_is_not_what_its_type_demands_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"telemetry\.received"):
        decode_body("telemetry.received", body)


@pytest.mark.parametrize("number", [b"-1", b"9223372036854775808", b"1.5", b'"1"', b"null", b"true"])
def test_money_and_time_are_whole_numbers_that_fit_64_bits(number: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_body(
            "budget.threshold_crossed", b'{"percent":50,"spent_nanousd":%b,"budget_nanousd":1}' % number
        )


@pytest.mark.parametrize("line", [b"", b"{}", b"nonsense", b"\xff\xfe", b'{"seq":0}', b"null", b"[" * 5000])
def test_a_line_that_is_no_event_is_damage(line: bytes) -> None:
    with pytest.raises(DamageError):
        decode_envelope(line)


@given(st.binary(max_size=200))
def test_garbage_is_damage_and_never_anything_worse(line: bytes) -> None:
    with pytest.raises(DamageError):
        check_line(line + b"x", 0)
    with pytest.raises(DamageError):
        decode_envelope(line)


def test_a_field_that_a_newer_version_added_does_not_hinder_an_older_reader() -> None:
    body = decode_body("run.finished", b'{"status":"completed","weather":"fine"}')
    assert body == RunFinished("completed")


def test_a_message_that_looks_like_a_crc_does_not_fool_the_check() -> None:
    sealed = seal_line(encode_event(an_event('","crc":12345}\n')), 7)
    assert check_line(sealed.line, 7) == sealed.crc
