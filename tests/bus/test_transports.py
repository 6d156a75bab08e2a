"""Transports: one contract for the one in memory and the one over ZeroMQ."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import pytest

from bus.errors import EnvironmentProblem, ProtocolError
from bus.transport import Client, MemoryServer, Received, Server
from bus.wire import FRAME_BYTES_MAX
from bus.zeromq import ZmqClient, ZmqServer

SOON_NS = 5_000_000_000
NOW_NS = 20_000_000


class Ends(NamedTuple):
    server: Server
    connect: Callable[[str], Client]


@pytest.fixture(params=["memory", "zeromq"])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    clients: list[Client] = []
    server: MemoryServer | ZmqServer = MemoryServer() if request.param == "memory" else ZmqServer()

    def connect(name: str) -> Client:
        client = server.client(name) if isinstance(server, MemoryServer) else ZmqClient(server.endpoint, name)
        clients.append(client)
        return client

    yield Ends(server, connect)
    for client in clients:
        client.close()
    server.close()


def connected(ends: Ends, name: str) -> Client:
    """A client that the server has heard of."""
    client = ends.connect(name)
    client.send(b"hello")
    assert ends.server.receive(SOON_NS) == Received(name, b"hello")
    return client


def test_frames_go_both_ways_under_the_name_of_the_agent(ends: Ends) -> None:
    witness, architect = connected(ends, "witness"), connected(ends, "architect")
    ends.server.send("architect", b"to architect")
    ends.server.send("witness", b"to witness")
    assert witness.receive(SOON_NS) == b"to witness"
    assert architect.receive(SOON_NS) == b"to architect"
    architect.send(b"from architect")
    assert ends.server.receive(SOON_NS) == Received("architect", b"from architect")


def test_frames_of_one_peer_keep_their_order(ends: Ends) -> None:
    witness = connected(ends, "witness")
    frames = [b"%d" % number for number in range(300)]
    for frame in frames:
        witness.send(frame)
        ends.server.send("witness", frame)
    assert [ends.server.receive(SOON_NS) for _ in frames] == [Received("witness", frame) for frame in frames]
    assert [witness.receive(SOON_NS) for _ in frames] == frames


def test_any_bytes_may_be_in_a_frame_even_none(ends: Ends) -> None:
    witness = connected(ends, "witness")
    for frame in (b"", b"\0", bytes(range(256)), b"\n"):
        witness.send(frame)
        ends.server.send("witness", frame)
        assert ends.server.receive(SOON_NS) == Received("witness", frame)
        assert witness.receive(SOON_NS) == frame


def test_the_largest_frame_passes_both_ways(ends: Ends) -> None:
    witness = connected(ends, "witness")
    frame = os.urandom(1024) * (FRAME_BYTES_MAX // 1024)
    witness.send(frame)
    assert ends.server.receive(SOON_NS) == Received("witness", frame)
    ends.server.send("witness", frame)
    assert witness.receive(SOON_NS) == frame


def test_a_frame_over_the_limit_is_refused_at_both_ends_and_the_connection_lives(ends: Ends) -> None:
    witness = connected(ends, "witness")
    frame = bytes(FRAME_BYTES_MAX + 1)
    with pytest.raises(ProtocolError, match="16,777,217 bytes is over the limit"):
        witness.send(frame)
    with pytest.raises(ProtocolError, match="16,777,217 bytes is over the limit"):
        ends.server.send("witness", frame)
    witness.send(b"still here")
    assert ends.server.receive(SOON_NS) == Received("witness", b"still here")


def test_a_frame_for_a_peer_that_is_not_there_is_refused_by_name(ends: Ends) -> None:
    connected(ends, "witness")
    with pytest.raises(ProtocolError, match="'nobody' is not connected"):
        ends.server.send("nobody", b"hello?")


def test_nothing_comes_when_nothing_was_sent(ends: Ends) -> None:
    witness = connected(ends, "witness")
    began = monotonic()
    assert ends.server.receive(NOW_NS) is None
    assert witness.receive(NOW_NS) is None
    assert ends.server.receive(0) is None
    assert monotonic() - began < 2


def test_closing_twice_and_with_frames_on_their_way_does_not_hang(ends: Ends) -> None:
    witness = connected(ends, "witness")
    ends.server.send("witness", b"never read")
    witness.send(b"never read")
    began = monotonic()
    for end in (witness, ends.server, witness, ends.server):
        end.close()
    assert monotonic() - began < 5


def test_an_agent_that_comes_back_takes_over_its_name(ends: Ends) -> None:
    connected(ends, "witness").close()
    again = connected(ends, "witness")
    ends.server.send("witness", b"welcome back")
    assert again.receive(SOON_NS) == b"welcome back"


def receive_nothing(server: Server) -> None:
    """Look until the frames that are on their way must have come."""
    for _ in range(5):
        assert server.receive(NOW_NS) is None


def test_before_anybody_is_expected_every_name_is_welcome(ends: Ends) -> None:
    connected(ends, "witness")
    connected(ends, "somebody")
    assert ends.server.take_strangers() == []


def test_an_expected_process_is_heard_and_reached(ends: Ends) -> None:
    ends.server.expect("witness", os.getpid())
    witness = connected(ends, "witness")
    ends.server.send("witness", b"hello yourself")
    assert witness.receive(SOON_NS) == b"hello yourself"
    assert (ends.server.take_strangers(), ends.server.refused_frame_count) == ([], 0)


def test_any_process_may_be_an_agent_that_is_expected_without_a_pid(ends: Ends) -> None:
    ends.server.expect("witness", None)
    connected(ends, "witness")


def test_a_name_that_nobody_expects_is_never_heard_and_reported_once(ends: Ends) -> None:
    ends.server.expect("witness", os.getpid())
    mallory = ends.connect("mallory")
    for _ in range(3):
        mallory.send(b"let me in")
        receive_nothing(ends.server)
    assert ends.server.refused_frame_count == 3
    [stranger] = ends.server.take_strangers()
    assert stranger[:4] == ("mallory", os.getuid(), os.getgid(), os.getpid())
    assert stranger.reason == "no agent is called so; expected are witness"
    assert ends.server.take_strangers() == []
    with pytest.raises(ProtocolError, match="'mallory' is not connected"):
        ends.server.send("mallory", b"a secret")


def test_a_process_that_is_not_the_agent_is_never_heard_under_its_name(ends: Ends) -> None:
    ends.server.expect("witness", 1)
    ends.connect("witness").send(b"pattern!")
    receive_nothing(ends.server)
    [stranger] = ends.server.take_strangers()
    assert (stranger.name, stranger.pid, stranger.reason) == (
        "witness",
        os.getpid(),
        "the agent is process 1",
    )
    with pytest.raises(ProtocolError, match="'witness' is not connected"):
        ends.server.send("witness", b"a secret")


def test_an_earlier_incarnation_is_neither_heard_nor_written_to_any_more(ends: Ends) -> None:
    ends.server.expect("witness", os.getpid())
    witness = connected(ends, "witness")
    ends.server.expect("witness", 1)
    witness.send(b"late")
    receive_nothing(ends.server)
    with pytest.raises(ProtocolError, match="'witness' is not connected"):
        ends.server.send("witness", b"for the new one")
    assert [stranger.name for stranger in ends.server.take_strangers()] == ["witness"]


def test_a_stranger_does_not_keep_others_from_being_heard(ends: Ends) -> None:
    ends.server.expect("witness", os.getpid())
    witness, mallory = connected(ends, "witness"), ends.connect("mallory")
    for number in range(200):
        mallory.send(b"noise")
        witness.send(b"%d" % number)
    heard: list[Received] = []
    while len(heard) < 200:
        received = ends.server.receive(SOON_NS)
        if received is not None:
            heard.append(received)
    assert heard == [Received("witness", b"%d" % number) for number in range(200)]


def test_a_zeromq_server_owns_a_private_folder_that_is_gone_after_close() -> None:
    server = ZmqServer()
    folder = Path(server.endpoint.removeprefix("ipc://")).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert folder.stat().st_uid == os.getuid()
    server.close()
    assert not folder.exists()


@pytest.mark.parametrize(
    "name", ["x" * 120, "ö" * 60, "with space", "naïve café 🚀", os.fsdecode(b"not utf-8 \xff")]
)
def test_whatever_the_temporary_folder_is_called_a_bus_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with ZmqServer() as server, ZmqClient(server.endpoint, "witness") as client:
        client.send(b"hello")
        assert server.receive(SOON_NS) == Received("witness", b"hello")
    assert list(folder.iterdir()) == []


def test_a_path_too_long_everywhere_is_named_and_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_folder = tmp_path / ("x" * 100)
    long_folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long_folder))
    monkeypatch.setattr("bus.socket_folder.SHORT_FOLDER", str(long_folder))
    with pytest.raises(EnvironmentProblem, match="longer than 107 bytes; set TMPDIR"):
        ZmqServer()
    assert list(long_folder.iterdir()) == []


def test_a_temporary_folder_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/proc/no-such-folder")
    with pytest.raises(EnvironmentProblem, match="TMPDIR"):
        ZmqServer()


def test_a_client_that_nobody_serves_says_so_and_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bus.zeromq.SEND_TIMEOUT_MS", 100)
    with (
        ZmqClient("ipc:///tmp/trinity-nobody-is-here", "witness") as client,
        pytest.raises(ProtocolError, match="took no frame"),
    ):
        client.send(b"hello?")


def test_an_agent_that_never_reads_is_noticed_and_does_not_block_the_sequencer() -> None:
    with ZmqServer() as server, ZmqClient(server.endpoint, "witness") as client:
        client.send(b"hello")
        assert server.receive(SOON_NS) is not None

        def flood() -> None:
            for _ in range(100_000):
                server.send("witness", bytes(1000))

        with pytest.raises(ProtocolError, match="does not read"):
            flood()
