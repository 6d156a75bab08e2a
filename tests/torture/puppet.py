"""A process at the other end of a bus, and the strings that move it. Must not judge what happens.

``python -m tests.torture.puppet client ENDPOINT NAME`` speaks as an agent; ``... server NOFILE LEDGER`` is a
sequencer's end that writes down each frame before it acknowledges it. Commands come on stdin, one a line.
"""

import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from bus.errors import ProtocolError
from bus.zeromq import ZmqClient, ZmqServer

ROOT = Path(__file__).parents[2]
QUIET_NS = 1_000_000_000
WAIT_S = 60.0
UNANSWERED_MAX = 500
"""Frames that are published and not yet acknowledged: fewer than a queue of the transport holds."""


class Puppet:
    """Ends its process on leaving the block."""

    def __init__(self, *arguments: str, folder: Path | None = None) -> None:
        environment = {"PYTHONPATH": str(ROOT)} | ({"TMPDIR": str(folder)} if folder else {})
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.torture.puppet", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        self.pid = self._process.pid
        self._stdin, self._stdout = _pipe(self._process.stdin), _pipe(self._process.stdout)

    def tell(self, command: str) -> None:
        self._stdin.write(command + "\n")
        self._stdin.flush()

    def said(self) -> str:
        """The next line that it prints; empty when it has ended."""
        return self._stdout.readline().strip()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        return self._process.wait(WAIT_S)

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def __enter__(self) -> "Puppet":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._stdout.close()
        with suppress(BrokenPipeError):
            self._stdin.close()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def be_client(endpoint: str, name: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sent_count = answered_count = 0
    try:
        with ZmqClient(endpoint, name) as client:
            say("ready")
            for line in sys.stdin:
                command, _, number = line.strip().partition(" ")
                if command == "send":
                    for _ in range(int(number)):
                        client.send(b"%d" % sent_count)
                        sent_count += 1
                elif command == "publish":
                    for _ in range(int(number)):
                        client.send(b"%d" % sent_count)
                        sent_count += 1
                        while client.receive(QUIET_NS * (sent_count - answered_count >= UNANSWERED_MAX)):
                            answered_count += 1
                elif command == "read":
                    say(_read(client))
                elif command == "raise":
                    raise RuntimeError("as told")
                elif command == "exit":
                    return
    finally:
        say(f"{sent_count} {answered_count}")


def _read(client: ZmqClient) -> str:
    """How many frames there were until it was quiet, and whether they were 0, 1, 2, ..."""
    frames: list[bytes] = []
    while (frame := client.receive(QUIET_NS)) is not None:
        frames.append(frame[:6])
    return f"{len(frames)} {int(frames == [b'%06d' % n for n in range(len(frames))])}"


def be_server(open_files_max: int, ledger: Path) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files_max, open_files_max))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    written = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with ZmqServer() as server:
        say(server.endpoint)
        while os.getppid() != 1:
            received = server.receive(QUIET_NS)
            if received is None:
                continue
            os.write(written, received.frame + b"\n")
            try:
                server.send(received.peer, received.frame)
            except ProtocolError:
                continue  # it is gone; it was not told, so nothing was promised


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - read by Puppet.said


if __name__ == "__main__":
    if sys.argv[1] == "client":
        be_client(sys.argv[2], sys.argv[3])
    else:
        be_server(int(sys.argv[2]), Path(sys.argv[3]))
