"""The driver that calls agents in this process.

Must not differ from the others in anything but where agents live.
"""

from collections import deque
from collections.abc import Mapping, Sequence

from agents.runtime import Runtime
from bus.events import Delivery
from simulator.drivers.driver import Handled, LastWord


class InProcessDriver:
    """Handles a batch when it is collected."""

    def __init__(self, runtimes: Mapping[str, Runtime]) -> None:
        self._runtimes = runtimes
        self._batches: deque[tuple[str, Sequence[Delivery]]] = deque()

    def submit(self, agent: str, deliveries: Sequence[Delivery]) -> None:
        self._batches.append((agent, deliveries))

    def collect(self) -> Handled:
        agent, deliveries = self._batches.popleft()
        handle = self._runtimes[agent].handle
        return Handled(agent, [handle(delivery) for delivery in deliveries])

    def stop(self) -> list[LastWord]:
        return [LastWord(runtime.stopped(), None) for runtime in self._runtimes.values()]

    def close(self) -> None:
        self._batches.clear()
