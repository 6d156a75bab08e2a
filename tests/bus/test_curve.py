"""CURVE: over tcp an agent is who the server issued keys to, and nobody else gets in."""

from collections.abc import Iterator

import msgspec
import pytest
import zmq

from bus import zeromq
from bus.curve import ClientKeys, KeyPair, KeyRing
from bus.errors import EnvironmentProblem, InputError, ProtocolError, RefusedError
from bus.transport import Received
from bus.zeromq import ZmqClient, ZmqServer, new_key_pair

SOON_NS = 5_000_000_000
NOW_NS = 300_000_000
LOOPBACK = "tcp://127.0.0.1:*"
KNOWN, UNKNOWN = b"k" * 32, b"u" * 32


@pytest.fixture
def server() -> Iterator[ZmqServer]:
    with ZmqServer(LOOPBACK, new_key_pair()) as server:
        yield server


def keys_of(server: ZmqServer, name: str) -> ClientKeys:
    keys = server.issue_keys(name)
    assert keys is not None
    return keys


def test_an_agent_with_its_keys_is_heard_and_reached(server: ZmqServer) -> None:
    with ZmqClient(server.endpoint, "witness", keys_of(server, "witness")) as witness:
        witness.send(b"hello")
        assert server.receive(SOON_NS) == Received("witness", b"hello")
        server.send("witness", b"hello yourself")
        assert witness.receive(SOON_NS) == b"hello yourself"


def test_keys_of_one_agent_do_not_speak_for_another(server: ZmqServer) -> None:
    keys_of(server, "witness")
    with ZmqClient(server.endpoint, "witness", keys_of(server, "architect")) as mallory:
        mallory.send(b"pattern!")
        assert server.receive(NOW_NS) is None
    assert [(s.name, s.pid, s.reason) for s in server.take_strangers()] == [
        ("witness", None, "the connection's key is not that agent's present key")
    ]


def test_new_keys_shut_out_the_earlier_incarnation_even_while_it_is_connected(server: ZmqServer) -> None:
    with ZmqClient(server.endpoint, "witness", keys_of(server, "witness")) as old:
        old.send(b"hello")
        assert server.receive(SOON_NS) == Received("witness", b"hello")
        with ZmqClient(server.endpoint, "witness", keys_of(server, "witness")) as new:
            old.send(b"late")
            assert server.receive(NOW_NS) is None
            with pytest.raises(ProtocolError, match="'witness' is not connected"):
                server.send("witness", b"for the new one")
            new.send(b"hello again")
            assert server.receive(SOON_NS) == Received("witness", b"hello again")


def test_keys_that_were_not_issued_fail_loudly(server: ZmqServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zeromq, "SEND_TIMEOUT_MS", 500)
    server_public = keys_of(server, "witness").server_public
    with (
        ZmqClient(server.endpoint, "witness", ClientKeys(server_public, new_key_pair())) as mallory,
        pytest.raises(EnvironmentProblem, match=r"nobody at .* let witness in within 500 ms"),
    ):
        mallory.send(b"let me in")
    assert server.receive(NOW_NS) is None


@pytest.mark.parametrize("mechanism", ["null", "plain"])
def test_a_client_without_curve_never_gets_a_frame_through(server: ZmqServer, mechanism: str) -> None:
    with zmq.Context() as context, context.socket(zmq.DEALER) as mallory:
        mallory.linger = 0
        mallory.setsockopt(zmq.IMMEDIATE, 1)
        mallory.setsockopt(zmq.SNDTIMEO, 500)
        if mechanism == "plain":
            mallory.plain_username, mallory.plain_password = b"witness", b"witness"
        mallory.connect(server.endpoint)
        with pytest.raises(zmq.Again):
            mallory.send_multipart((b"witness", b"let me in"))
        assert server.receive(NOW_NS) is None


@pytest.mark.parametrize("address", ["tcp://0.0.0.0:*", "tcp://127.0.0.1:*", "tcp://*:5555", "tcp://[::1]:*"])
def test_tcp_without_keys_is_refused_before_anything_is_bound(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bind(self: object, address: str) -> None:
        raise AssertionError(f"{address} was bound")

    monkeypatch.setattr(zmq.Socket, "bind", bind)
    with pytest.raises(RefusedError, match="tcp without keys would let anybody in"):
        ZmqServer(address)


def test_a_client_over_tcp_needs_keys_too() -> None:
    with pytest.raises(RefusedError, match="tcp without keys"):
        ZmqClient("tcp://127.0.0.1:1", "witness")


@pytest.mark.parametrize("address", ["ipc:///tmp/x", "inproc://x", "127.0.0.1:5555", ""])
def test_only_addresses_of_tcp_can_be_chosen(address: str) -> None:
    with pytest.raises(InputError, match="listens on tcp://ADDRESS:PORT"):
        ZmqServer(address, new_key_pair())


def test_a_port_that_is_taken_is_named(server: ZmqServer) -> None:
    with pytest.raises(EnvironmentProblem, match=f"cannot open the socket {server.endpoint}"):
        ZmqServer(server.endpoint, new_key_pair())


def test_a_server_on_a_unix_socket_issues_no_keys() -> None:
    with ZmqServer() as server:
        assert server.issue_keys("witness") is None


def test_keys_cross_as_json_and_are_not_shown(server: ZmqServer) -> None:
    keys = keys_of(server, "witness")
    assert msgspec.json.decode(msgspec.json.encode(keys), type=ClientKeys) == keys
    assert keys.pair.secret not in repr(keys)
    assert keys.pair.secret not in str(keys)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"public": "short", "secret": keys.pair.secret}, KeyPair)


def request(key: bytes, *, version: bytes = b"1.0", domain: bytes = b"trinity", mechanism: bytes = b"CURVE"):
    return [version, b"7", domain, b"127.0.0.1", b"", mechanism, key]


def test_a_handshake_with_a_key_on_the_ring_is_answered_with_the_key_as_user_id() -> None:
    ring = KeyRing()
    ring.put("witness", KNOWN)
    assert ring.answer_zap(request(KNOWN)) == [b"1.0", b"7", b"200", b"OK", KNOWN.hex().encode(), b""]


@pytest.mark.parametrize(
    "refused",
    [
        request(UNKNOWN),
        request(KNOWN, version=b"2.0"),
        request(KNOWN, domain=b"elsewhere"),
        request(KNOWN, mechanism=b"NULL"),
        request(KNOWN)[:6],
        [b"1.0"],
        [],
    ],
    ids=["unknown key", "version", "domain", "mechanism", "no key", "one part", "nothing"],
)
def test_any_other_handshake_is_refused(refused: list[bytes]) -> None:
    ring = KeyRing()
    ring.put("witness", KNOWN)
    assert ring.answer_zap(refused)[2] == b"400"
    assert b"200" not in ring.answer_zap(refused)
