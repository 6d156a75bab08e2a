"""Kills agents' processes at random moments while something goes on. Must not judge what comes of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random
from threading import Event as Flag
from threading import Thread

import psutil

from simulator.drivers.remote import RESTARTS_MAX

KILL_S = (0.2, 0.6)
KILLS_MAX = RESTARTS_MAX
"""In a run: a driver whose agent dies more often without an answer in between gives up, as it should."""


@contextmanager
def killing_agents(random: Random, killed: Callable[[int], None]) -> Iterator[None]:
    """Agents that this process started are killed now and then, until the block ends; ``killed`` is told."""
    over = Flag()

    def kill_now_and_then() -> None:
        killed_count = 0
        while killed_count < KILLS_MAX and not over.wait(random.uniform(*KILL_S)):
            agents = [child for child in psutil.Process().children() if _is_agent(child)]
            if not agents:
                continue
            with suppress(psutil.NoSuchProcess):
                random.choice(agents).kill()
                killed_count += 1
        killed(killed_count)

    killer = Thread(target=kill_now_and_then)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()


def _is_agent(process: psutil.Process) -> bool:
    try:
        return "simulator.agent_main" in process.cmdline()
    except psutil.Error:  # it ended just now
        return False
