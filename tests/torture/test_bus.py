"""The bus under torture, in short; and each case notices a bus that is wrong."""

import os
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
import zmq

from bus import wire, zeromq
from bus.curve import KeyRing
from bus.errors import ProtocolError
from bus.peers import Peers
from tests.torture import frames, fuzz_decoders, sockets, traffic
from tests.torture.outcome import SHORT, Outcome
from tests.torture.samples import samples

CASES: dict[str, Callable[[], list[Outcome]]] = {
    "decoders": partial(fuzz_decoders.run, SHORT),
    "garbage": partial(frames.run, SHORT),
    "strangers": partial(sockets.run, SHORT),
    "traffic": partial(traffic.run, SHORT),
}


@pytest.mark.parametrize("name", CASES)
def test_the_bus_holds(name: str) -> None:
    outcomes = CASES[name]()
    assert outcomes
    assert [outcome for outcome in outcomes if not outcome.passed] == []


def campaign_of(takes: Callable[[bytes, bytes], bool]) -> dict[str, int | float]:
    target = fuzz_decoders.Target("line under test", samples().lines, takes)
    return fuzz_decoders.campaign([target], seed=1, count=200)


def test_a_decoder_that_skips_the_crc_is_noticed() -> None:
    def takes(sample: bytes, data: bytes) -> bool:
        if data.rstrip(b"\n") != sample.rstrip(b"\n"):
            raise fuzz_decoders.WronglyAccepted
        return True

    assert campaign_of(takes)["wrongly_accepted"] > 0


def test_a_decoder_that_lets_other_errors_out_is_noticed() -> None:
    assert campaign_of(lambda sample, data: bool(int(data)))["crashes"] > 0


@pytest.mark.parametrize(
    ("taken", "data"),
    [
        (b'{"pid":7}', b'{"pid":8}'),
        (b'{"pid":7}', b"{}"),
        (b'{"pid":7}', b'{"pid":7'),
        (b"[1,2]", b"[1]"),
        (b'{"a":{"b":"c"}}', b'{"a":"c"}'),
    ],
)
def test_what_is_taken_and_was_not_there_is_noticed(taken: bytes, data: bytes) -> None:
    with pytest.raises(fuzz_decoders.WronglyAccepted):
        fuzz_decoders.means_the_same(taken, data)


def test_a_process_that_crashes_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    [outcome] = fuzz_decoders.run(SHORT)
    assert (outcome.figures["crashes"], outcome.passed) == (1, False)


def test_without_a_look_at_pids_impostors_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Peers, "refusal", lambda self, name, credentials: None)
    outcome = sockets.impostors(1)
    assert outcome.figures["strangers_accepted"] > 0
    assert outcome.figures["secrets_leaked"] > 0


def test_without_fencing_old_incarnations_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Peers, "refusal", lambda self, name, credentials: None)
    assert sockets.old_incarnations(1).figures["stale_writes_accepted"] > 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_socket_without_a_filter_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    configure = zeromq._configure

    def without_filter(socket: "zmq.Socket[bytes]") -> None:
        configure(socket)
        socket.setsockopt(zmq.IPC_FILTER_UID, sockets.NOBODY_UID)

    monkeypatch.setattr(zeromq, "_configure", without_filter)
    assert sockets.foreign_user(1).figures["strangers_accepted"] > 0


def test_a_ring_that_lets_any_key_speak_for_anybody_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KeyRing, "refusal", lambda self, name, user_id: None)
    assert sockets.wrong_keys(1).figures["strangers_accepted"] > 0


def test_a_server_that_takes_any_shape_of_message_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Peers, "refuse", lambda self, name, credentials, reason: None)
    assert frames.bad_messages(1).figures["not_reported"] > 0


def test_a_frame_that_is_lost_or_crashes_the_decoder_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(frame: bytes) -> wire.FromAgent:
        raise KeyError("op") if frame[:1] != b"{" else ProtocolError("refused")

    monkeypatch.setattr(wire, "decode_from_agent", careless)
    assert frames.spoilt_frames(200, seed=1).figures["crashes"] > 0


def test_deep_input_is_among_what_every_decoder_gets() -> None:
    seen: Counter[bool] = Counter()

    def takes(sample: bytes, data: bytes) -> bool:
        seen[len(data) >= fuzz_decoders.DEEP] += 1
        return False

    campaign_of(takes)
    assert seen[True] > 0
