"""Strangers at the bus: other users, other processes, old incarnations, other keys. None is ever heard.

Must not use a network other than loopback. Figures count attempts, unless their name says more.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import zmq

from bus import zeromq
from bus.curve import ClientKeys
from bus.errors import EnvironmentProblem, ProtocolError, RefusedError
from bus.transport import Received
from bus.zeromq import ZmqClient, ZmqServer, new_key_pair
from tests.torture.outcome import Effort, Outcome
from tests.torture.puppet import Puppet

SOON_NS = 5_000_000_000
NOW_NS = 50_000_000
NOBODY_UID = 65_534
KEYLESS_TIMEOUT_MS = 300

_KNOCK = """
import os, socket, sys
uid = int(sys.argv[3])
if uid != os.getuid():
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
done = []
try:
    os.listdir(sys.argv[2])
    done.append("listed")
except OSError:
    pass
try:
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(2)
        s.connect(sys.argv[1])
        done.append("connected")
        if s.recv(1):
            done.append("greeted")
except OSError:
    pass
print(" ".join(done))
"""
"""What a foreign process gets: into the folder, onto the socket, a greeting of ZeroMQ."""


def run(effort: Effort) -> list[Outcome]:
    return [
        foreign_user(effort.count(20, 1)),
        impostors(effort.count(20, 1)),
        old_incarnations(effort.count(20, 1)),
        socket_files(effort.count(20, 1)),
        wrong_keys(effort.count(20, 1)),
    ]


def foreign_user(rounds: int) -> Outcome:
    """Another user at the folder, and at the socket when the folder were open: the second wall holds too."""
    figures: dict[str, int | float] = {"strangers_accepted": 0, "own_user_greeted": 0, "skipped": 0}
    tried = 0
    with ZmqServer() as server:
        path = Path(server.endpoint.removeprefix("ipc://"))
        figures["skipped"] = int(os.getuid() != 0)  # only root can become somebody else
        for _ in range(rounds):
            tried += 1
            figures["own_user_greeted"] += "greeted" in _knock(path, os.getuid())
            if figures["skipped"]:
                continue
            path.parent.chmod(0o700)
            figures["strangers_accepted"] += len(_knock(path, NOBODY_UID))
            path.parent.chmod(0o755)
            path.chmod(0o777)
            figures["strangers_accepted"] += "greeted" in _knock(path, NOBODY_UID)
            tried += 2
    return Outcome("foreign user", tried, figures, ("strangers_accepted",), ("own_user_greeted",))


def _knock(path: Path, uid: int) -> list[str]:
    """What a process of a user achieved."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _KNOCK, str(path), str(path.parent), str(uid)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def impostors(rounds: int) -> Outcome:
    """A process of the same user that is not the agent's, under its name and under others."""
    figures: dict[str, int | float] = dict.fromkeys(
        ("strangers_accepted", "secrets_leaked", "agent_unheard", "not_reported", "refused"), 0
    )
    for _ in range(rounds):
        with ZmqServer() as server, Puppet("client", server.endpoint, "witness") as agent:
            server.expect("witness", agent.pid)
            agent.said()
            agent.tell("send 1")
            figures["agent_unheard"] += server.receive(SOON_NS) != Received("witness", b"0")
            with ExitStack() as stack:
                names = ("witness", "sequencer", "workload", "architect")
                for mallory in [stack.enter_context(ZmqClient(server.endpoint, name)) for name in names]:
                    mallory.send(b"pattern!")
                    figures["strangers_accepted"] += _hears(server)
                    server.send("witness", b"a secret")
                    figures["secrets_leaked"] += mallory.receive(NOW_NS) is not None
            agent.tell("send 1")
            figures["agent_unheard"] += server.receive(SOON_NS) != Received("witness", b"1")
            strangers = server.take_strangers()
            figures["refused"] += len(strangers)
            figures["not_reported"] += [s.pid for s in strangers] != [os.getpid()] * len(names)
    must_be_zero = ("strangers_accepted", "secrets_leaked", "agent_unheard", "not_reported")
    return Outcome("same user, not the agent", 4 * rounds, figures, must_be_zero, ("refused",))


def _hears(server: ZmqServer) -> int:
    """How many frames come out while there should be none."""
    return sum(server.receive(NOW_NS) is not None for _ in range(2))


def old_incarnations(rounds: int) -> Outcome:
    """An agent is stopped, replaced, and goes on when the new one is at work."""
    figures: dict[str, int | float] = dict.fromkeys(
        ("stale_writes_accepted", "new_unheard", "sent_to_the_old", "refused"), 0
    )
    for _ in range(rounds):
        with ZmqServer() as server, ExitStack() as stack:
            old = stack.enter_context(Puppet("client", server.endpoint, "witness"))
            server.expect("witness", old.pid)
            old.said()
            old.tell("send 1")
            assert server.receive(SOON_NS) is not None
            old.signal(signal.SIGSTOP)
            new = stack.enter_context(Puppet("client", server.endpoint, "witness"))
            server.expect("witness", new.pid)
            figures["sent_to_the_old"] += _can_send(server)
            new.said()
            new.tell("send 1")
            figures["new_unheard"] += server.receive(SOON_NS) != Received("witness", b"0")
            old.signal(signal.SIGCONT)
            old.tell("send 5")
            figures["stale_writes_accepted"] += _hears(server)
            server.send("witness", b"000000")
            new.tell("read")
            figures["new_unheard"] += new.said() != "1 1"
            figures["refused"] += [s.pid for s in server.take_strangers()] == [old.pid]
    must_be_zero = ("stale_writes_accepted", "new_unheard", "sent_to_the_old")
    return Outcome("old incarnation", 5 * rounds, figures, must_be_zero, ("refused",))


def _can_send(server: ZmqServer) -> bool:
    try:
        server.send("witness", b"for the new one")
    except ProtocolError:
        return False
    return True


def socket_files(rounds: int) -> Outcome:
    """Sockets left by a killed server, one bound over, and temporary folders with awkward names."""
    figures: dict[str, int | float] = {"not_served": 0, "thief_believed": 0, "same_path_twice": 0}
    tried = 0
    for _ in range(rounds):
        for name in ("x" * 200, "ö" * 60, "a folder", "naïve 🚀", os.fsdecode(b"\xff\xfe")):
            with _temporary_folder(name) as folder:
                # The killed server leaves its socket in the same folder as the next one makes its own.
                with Puppet("server", "1024", str(folder / "ledger"), folder=folder) as killed:
                    stale = killed.said()
                with ZmqServer() as server, ZmqServer() as second:
                    figures["same_path_twice"] += len({stale, server.endpoint, second.endpoint}) != 3
                    figures["not_served"] += not _serves(server)
                    # The next server that anybody starts may have removed it already.
                    shutil.rmtree(Path(stale.removeprefix("ipc://")).parent, ignore_errors=True)
                    figures["thief_believed"] += _believes_a_thief(server.endpoint)
                    tried += 3
    return Outcome("socket files", tried, figures, tuple(figures))


@contextmanager
def _temporary_folder(name: str) -> Iterator[Path]:
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="trinity-") as text:
        folder = Path(text) / name
        folder.mkdir()
        tempfile.tempdir = str(folder)
        try:
            yield folder
        finally:
            tempfile.tempdir = before


def _serves(server: ZmqServer) -> bool:
    with ZmqClient(server.endpoint, "witness") as client:
        client.send(b"hello")
        return server.receive(SOON_NS) == Received("witness", b"hello")


def _believes_a_thief(endpoint: str) -> bool:
    """Whether an agent takes a frame of a process that bound the sequencer's path and is not its parent."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as thief:
        thief.linger = 0
        thief.bind(endpoint)
        with ZmqClient(endpoint, "witness", server_pid=os.getpid() + 1) as client:
            client.send(b"hello")
            assert thief.poll(5_000), "the thief did not get the path"
            route, *_ = thief.recv_multipart()
            thief.send_multipart((route, b'{"op":"stop"}'))
            try:
                return client.receive(SOON_NS) is not None
            except RefusedError:
                return False


def wrong_keys(rounds: int) -> Outcome:
    """Over tcp: a key that nobody issued, no key at all, a good key with the name of another."""
    figures: dict[str, int | float] = dict.fromkeys(
        ("strangers_accepted", "agent_unheard", "silent_rejections", "bound_without_keys", "refused"), 0
    )
    timeout_ms, zeromq.SEND_TIMEOUT_MS = zeromq.SEND_TIMEOUT_MS, KEYLESS_TIMEOUT_MS
    try:
        for _ in range(rounds):
            figures["bound_without_keys"] += _binds_without_keys("tcp://127.0.0.1:*")
            figures["bound_without_keys"] += _binds_without_keys("tcp://0.0.0.0:*")
            with ZmqServer("tcp://127.0.0.1:*", new_key_pair()) as server:
                _try_keys(server, figures)
                figures["refused"] += len(server.take_strangers())
    finally:
        zeromq.SEND_TIMEOUT_MS = timeout_ms
    must_be_zero = ("strangers_accepted", "agent_unheard", "silent_rejections", "bound_without_keys")
    return Outcome("keys", 5 * rounds, figures, must_be_zero, ("refused",))


def _try_keys(server: ZmqServer, figures: dict[str, int | float]) -> None:
    witness, architect = server.issue_keys("witness"), server.issue_keys("architect")
    assert witness is not None
    forged = ClientKeys(witness.server_public, new_key_pair())
    with ZmqClient(server.endpoint, "witness", forged) as mallory:
        try:
            mallory.send(b"pattern!")
            figures["silent_rejections"] += 1
        except EnvironmentProblem:
            figures["strangers_accepted"] += _hears(server)
    with ZmqClient(server.endpoint, "witness", architect) as mallory:
        mallory.send(b"pattern!")
        figures["strangers_accepted"] += _hears(server)
    with socket.create_connection(("127.0.0.1", int(server.endpoint.rpartition(":")[2])), 2) as plain:
        plain.sendall(b"\xff" + bytes(7) + b"\x01\x7f\x03\x01NULL" + bytes(16) + b"\x00" + bytes(31))
        plain.sendall(b"\x01\x07witness\x00\x08pattern!")
        figures["strangers_accepted"] += _hears(server)
    with ZmqClient(server.endpoint, "witness", witness) as agent:
        agent.send(b"hello")
        figures["agent_unheard"] += server.receive(SOON_NS) != Received("witness", b"hello")


def _binds_without_keys(address: str) -> bool:
    try:
        ZmqServer(address).close()
    except RefusedError:
        return False
    return True
