"""``trinity run busy`` against a bare SimPy pipeline, and with processes against in one process."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from bench.finding import Finding, at_most, plain
from bench.rounds import interleave
from bench.trinity import ROOT, environment, phases_s, run

SIMPY_TARGET = 3.0
PROCESSES_TARGET = 2.0
ROUNDS = 5
TRANSPORTS = ("inproc", "processes")


class _Busy:
    """One way to run ``busy``; remembers how long its phases took."""

    def __init__(self, transport: str, folder: Path) -> None:
        self._transport = transport
        self._out = folder / f"busy-{transport}"
        self.phases_s: list[dict[str, float]] = []
        self.event_count = 0

    def __call__(self) -> float:
        shutil.rmtree(self._out, ignore_errors=True)
        start_s = time.perf_counter()
        self.event_count = run(["busy", "--transport", self._transport], self._out).events
        took_s = time.perf_counter() - start_s
        self.phases_s.append(phases_s(self._out))
        return took_s

    def phase(self, name: str) -> list[float]:
        return [phases[name] for phases in self.phases_s]


def measure(round_count: int, folder: Path) -> list[Finding]:
    inproc, processes = (_Busy(transport, folder) for transport in TRANSPORTS)
    inproc()  # tells how many events there are, and fills the file cache
    inproc.phases_s.clear()
    pipeline_s: list[float] = []

    def simpy() -> None:
        arguments = [sys.executable, "-m", "bench.simpy_pipeline", str(inproc.event_count)]
        done = subprocess.run(arguments, env=environment(), cwd=ROOT, capture_output=True, check=True)
        pipeline_s.append(float(done.stdout))

    rounds = interleave({"inproc": inproc, "simpy": simpy, "processes": processes}, round_count)
    print(rounds.load_line())
    simulate = [ours / theirs for ours, theirs in zip(inproc.phase("simulate"), pipeline_s, strict=True)]
    return [
        at_most(
            "whole command in one process / SimPy process", rounds.ratios("inproc", "simpy"), SIMPY_TARGET
        ),
        plain("the phase 'simulate' alone / SimPy simulation", simulate),
        at_most("with processes / in one process", rounds.ratios("processes", "inproc"), PROCESSES_TARGET),
        plain("events on the log", [float(inproc.event_count)], "events"),
        plain("SimPy process", rounds.seconds["simpy"], "s"),
        plain("whole command in one process", rounds.seconds["inproc"], "s"),
        *[plain(f"of this, the phase {name!r}", inproc.phase(name), "s") for name in inproc.phases_s[0]],
        plain("whole command with processes", rounds.seconds["processes"], "s"),
        plain("of this, the phase 'simulate'", processes.phase("simulate"), "s"),
    ]
