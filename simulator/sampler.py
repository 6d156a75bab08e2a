"""Measures the processes of a run: memory, CPU and disk.

Must not write to the log; what it sees is not repeatable.
"""

from collections.abc import Callable, Mapping

import psutil

from bus.bodies import ProcessSampled
from simulator.clock import NS_PER_S, wall_ns


class Sampler:
    """Samples the processes of a run; one that is gone gives no sample. ``pids`` tells who they are now."""

    def __init__(self, pids: Callable[[], Mapping[str, int]]) -> None:
        self._pids = pids
        self._processes: dict[int, psutil.Process] = {}

    def sample(self) -> list[ProcessSampled]:
        samples = []
        for agent, pid in self._pids().items():
            try:
                process = self._process(pid)
                with process.oneshot():
                    rss_bytes = process.memory_info().rss
                    cpu = process.cpu_times()
                    read_bytes, write_bytes = _disk_bytes(process)
            except psutil.Error:
                continue
            cpu_ns = int((cpu.user + cpu.system) * NS_PER_S)
            samples.append(
                ProcessSampled(agent, process.pid, rss_bytes, cpu_ns, read_bytes, write_bytes, wall_ns())
            )
        return samples

    def _process(self, pid: int) -> psutil.Process:
        if pid not in self._processes:
            self._processes[pid] = psutil.Process(pid)
        return self._processes[pid]


def _disk_bytes(process: psutil.Process) -> tuple[int, int]:
    """Bytes read and written; zeros where the system does not tell (macOS has no such counters)."""
    counters = getattr(process, "io_counters", None)
    if counters is None:
        return 0, 0
    io = counters()
    return io.read_bytes, io.write_bytes
