"""Measures the processes of a run: memory, CPU and disk.

Must not write to the log; what it sees is not repeatable.
"""

from collections.abc import Mapping

import psutil

from bus.bodies import ProcessSampled
from simulator.clock import NS_PER_S, wall_ns


class Sampler:
    """Samples the processes of a run by pid; one that is gone gives no sample."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {agent: psutil.Process(pid) for agent, pid in pids.items()}

    def sample(self) -> list[ProcessSampled]:
        samples = []
        for agent, process in self._processes.items():
            try:
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


def _disk_bytes(process: psutil.Process) -> tuple[int, int]:
    """Bytes read and written; zeros where the system does not tell (macOS has no such counters)."""
    counters = getattr(process, "io_counters", None)
    if counters is None:
        return 0, 0
    io = counters()
    return io.read_bytes, io.write_bytes
