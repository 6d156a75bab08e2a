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


def test_a_zeromq_server_owns_a_private_folder_that_is_gone_after_close() -> None:
    server = ZmqServer()
    folder = Path(server.endpoint.removeprefix("ipc://")).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert folder.stat().st_uid == os.getuid()
    server.close()
    assert not folder.exists()


def test_a_socket_path_too_long_for_the_kernel_is_named_and_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_folder = tmp_path / ("x" * 100)
    long_folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long_folder))
    with pytest.raises(EnvironmentProblem, match="set TMPDIR to a short writable path"):
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
