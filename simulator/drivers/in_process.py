"""The driver that calls agents in this process.

Must not differ from the others in anything but where agents live.
"""

from collections import deque
from collections.abc import Callable, Sequence

from agents.runtime import Runtime
from bus.events import Delivery, Recalled
from simulator.drivers.driver import Handled, LastWord


class InProcessDriver:
    """Handles a batch when it is collected. ``build`` makes an agent that knows nothing."""

    def __init__(self, agents: Sequence[str], build: Callable[[str], Runtime]) -> None:
        self._build = build
        self._runtimes = {agent: build(agent) for agent in agents}
        self._batches: deque[tuple[str, Sequence[Delivery]]] = deque()

    def submit(self, agent: str, deliveries: Sequence[Delivery]) -> None:
        self._batches.append((agent, deliveries))

    def collect(self) -> Handled:
        agent, deliveries = self._batches.popleft()
        return Handled(agent, self._runtimes[agent].handle_all(deliveries))

    def freeze(self, agent: str) -> None:
        self._batches = deque(batch for batch in self._batches if batch[0] != agent)

    def end(self, agent: str) -> None:
        self.freeze(agent)

    def recall(self, agent: str, recalled: Recalled) -> str:
        """Tell an agent what it knew; the digest of what it knows then."""
        self._runtimes[agent].recall(recalled)
        return self._runtimes[agent].stopped().state_sha256

    def restart(self, agent: str, recalled: Recalled) -> int:
        self._runtimes[agent] = self._build(agent)
        return self._runtimes[agent].recall(recalled)

    def stop(self) -> list[LastWord]:
        return [LastWord(runtime.stopped(), None) for runtime in self._runtimes.values()]

    def close(self) -> None:
        self._batches.clear()
