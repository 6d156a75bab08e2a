"""Agents as threads that can be frozen and killed like processes, behind the transport in memory.

Must not hold tests.
"""

from collections.abc import Callable, Mapping
from threading import Event as Flag
from threading import Thread

from agents.process import AgentProcess
from agents.runtime import Runtime
from bus.bodies import AgentStopped
from bus.events import Recalled
from bus.transport import Client, MemoryServer, Received
from simulator.drivers.remote import RemoteDriver

POLL_NS = 1_000_000
JOIN_S = 10.0


class _Gone(Exception):
    """The thread of an agent that was killed ends."""


class _MortalClient:
    """An agent's end that stops where it is when its process is frozen, and is never heard again."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.frozen = Flag()
        self.dead = Flag()

    def send(self, frame: bytes) -> None:
        self._live()
        self._client.send(frame)

    def receive(self, timeout_ns: int) -> bytes | None:
        for _ in range(max(1, timeout_ns // POLL_NS)):
            self._live()
            frame = self._client.receive(POLL_NS)
            if frame is not None:
                self._live()
                return frame
        return None

    def close(self) -> None:
        self._client.close()

    def _live(self) -> None:
        if self.frozen.is_set():
            self.dead.wait(JOIN_S)
        if self.dead.is_set():
            raise _Gone


class MortalServer(MemoryServer):
    """Starts the thread of an agent when it is expected; may do something each time that it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.started: Callable[[str, int], None] = lambda name, pid: None
        self.asked: Callable[[], None] = lambda: None

    def expect(self, name: str, pid: int | None) -> None:
        super().expect(name, pid)
        if pid is not None:
            self.started(name, pid)

    def receive(self, timeout_ns: int) -> Received | None:
        self.asked()
        return super().receive(min(timeout_ns, 20 * POLL_NS))


class MortalThreads:
    """The :class:`simulator.drivers.remote.Processes` of agents that live in threads.

    ``build`` makes the runtime of an agent. ``die`` kills one from outside, as a stranger would.
    """

    def __init__(self, server: MortalServer, build: Callable[[str], Runtime]) -> None:
        self._server = server
        self._build = build
        self._last_pid = 0
        self._clients: dict[str, _MortalClient] = {}
        self._threads: list[Thread] = []
        self.spawned: list[str] = []
        server.started = self._start

    def spawn(self, agent: str) -> int:
        assert agent not in self._clients, f"{agent} has a process"
        self._last_pid += 1
        self.spawned.append(agent)
        return self._last_pid

    def freeze(self, agent: str) -> None:
        self._clients[agent].frozen.set()

    def kill(self, agent: str) -> int | None:
        client = self._clients.pop(agent, None)
        if client is None:
            return None
        client.dead.set()
        return -9

    def death(self, agent: str) -> str | None:
        client = self._clients.get(agent)
        if client is None:
            return "has no process"
        return "was killed by signal 9" if client.dead.is_set() else None

    def die(self, agent: str) -> None:
        if agent in self._clients:
            self._clients[agent].dead.set()

    def end(self) -> None:
        for agent in list(self._clients):
            self.kill(agent)
        for thread in self._threads:
            thread.join(JOIN_S)
            assert not thread.is_alive()

    def _start(self, agent: str, pid: int) -> None:
        client = self._clients[agent] = _MortalClient(self._server.client(agent, pid))
        process = AgentProcess(agent, pid, client, lambda settings: self._build(agent), client.dead.is_set)
        thread = Thread(target=self._run, args=(process,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, process: AgentProcess) -> None:
        try:
            process.run()
        except _Gone:
            return


class MortalDriver(RemoteDriver):
    """A remote driver with its agents in threads, started."""

    def __init__(
        self,
        agents: Mapping[str, bytes],
        build: Callable[[str], Runtime],
        recalled: Callable[[str], Recalled],
    ) -> None:
        self.server = MortalServer()
        self.threads = MortalThreads(self.server, build)
        super().__init__(self.server, agents, self.threads, recalled)
        self.start()

    def end_all(self) -> None:
        self.threads.end()
        self.close()


def last_words(driver: RemoteDriver) -> list[AgentStopped]:
    return [word.state for word in driver.stop()]
