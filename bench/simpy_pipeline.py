"""The anchor of ``busy``: a bare SimPy pipeline of three stages. Must not keep a log or do any work.

``python -m bench.simpy_pipeline COUNT`` handles so many events (each stage handles each item once) and prints
the seconds that the simulation took.
"""

import sys
import time
from collections.abc import Generator

import simpy

STAGE_COUNT = 3
SERVICE = (0.02, 0.5, 60.0)
"""Of WITNESS, ARCHITECT and EXECUTOR, in seconds of simulated time."""
GAP = 61.0
"""Between items: longer than the slowest stage, so that no store grows."""


def simulate(event_count: int) -> int:
    """Run the pipeline; returns the number of events handled, which is at least ``event_count``."""
    environment = simpy.Environment()
    stores = [simpy.Store(environment) for _ in range(STAGE_COUNT)]
    handled = [0] * STAGE_COUNT
    item_count = -(-event_count // STAGE_COUNT)
    environment.process(_source(environment, stores[0], item_count))
    for index, service in enumerate(SERVICE):
        following = stores[index + 1] if index + 1 < STAGE_COUNT else None
        environment.process(_stage(environment, stores[index], following, service, handled, index))
    environment.run()
    return sum(handled)


def _source(environment: simpy.Environment, store: simpy.Store, count: int) -> Generator[simpy.Event]:
    for item in range(count):
        yield environment.timeout(GAP)
        yield store.put(item)


def _stage(
    environment: simpy.Environment,
    inbox: simpy.Store,
    following: simpy.Store | None,
    service: float,
    handled: list[int],
    index: int,
) -> Generator[simpy.Event]:
    while True:
        item = yield inbox.get()
        yield environment.timeout(service)
        handled[index] += 1
        if following is not None:
            yield following.put(item)


if __name__ == "__main__":
    start_s = time.perf_counter()
    simulate(int(sys.argv[1]))
    print(time.perf_counter() - start_s)
