"""Peak memory of all processes of a run together, and whether ``busy`` at ten times the length needs more."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from bench.finding import Finding, at_most, plain
from bench.machine import OtherLoad
from bench.trinity import command, environment

PEAK_MB_MAX = 500.0
GROWTH_PERCENT_MAX = 10.0
ROUNDS = 1
SAMPLE_S = 0.02
RUNS: dict[str, tuple[str, ...]] = {
    "soak": ("soak",),
    "busy": ("busy",),
    "busy inproc": ("busy", "--transport", "inproc"),
    "busy, 240 h": ("busy", "--duration", "240h", "--budget", "250"),
    "busy inproc, 240 h": ("busy", "--transport", "inproc", "--duration", "240h", "--budget", "250"),
}
_BYTES_PER_MB = 1e6


class Peak(NamedTuple):
    """Highest sums over the processes of a run, in megabytes (10^6 bytes)."""

    rss_mb: float
    """Resident memory; pages that processes share count once for each."""
    pss_mb: float
    """The same with shared pages divided among those that share them."""


def measure(round_count: int, folder: Path) -> list[Finding]:
    peaks: dict[str, list[Peak]] = {name: [] for name in RUNS}
    for number in range(round_count):
        for index, (name, arguments) in enumerate(RUNS.items()):
            load = OtherLoad()
            peaks[name].append(_peak(arguments, folder / f"memory-{number}-{index}"))
            print(f"  {name}: cores used by others {load.cores():.2f}", flush=True)
    findings = []
    for name, found in peaks.items():
        findings.append(at_most(f"{name}: peak RSS", [p.rss_mb for p in found], PEAK_MB_MAX, "MB"))
        findings.append(plain(f"{name}: peak PSS", [p.pss_mb for p in found], "MB"))
    return [*findings, *(_growth(peaks, name, f"{name}, 240 h") for name in ("busy", "busy inproc"))]


def _growth(peaks: dict[str, list[Peak]], short: str, long: str) -> Finding:
    pairs = zip(peaks[short], peaks[long], strict=True)
    percents = [100 * (ten.rss_mb / one.rss_mb - 1) for one, ten in pairs]
    return at_most(f"{short}: growth of RSS at ten times the length", percents, GROWTH_PERCENT_MAX, "%")


def _peak(arguments: Sequence[str], out: Path) -> Peak:
    process = subprocess.Popen(
        command(["run", *arguments, "--json", "--out", str(out)]),
        env=environment(),
        stdout=subprocess.DEVNULL,
        cwd=out.parent,
    )
    rss_mb = pss_mb = 0.0
    while process.poll() is None:
        sample = _sample(process.pid)
        rss_mb, pss_mb = max(rss_mb, sample.rss_mb), max(pss_mb, sample.pss_mb)
        time.sleep(SAMPLE_S)
    if process.returncode not in (0, 1):
        raise RuntimeError(f"trinity run {' '.join(arguments)} ended with exit code {process.returncode}")
    return Peak(rss_mb, pss_mb)


def _sample(pid: int) -> Peak:
    rss_kb = pss_kb = 0
    for each in _family(pid):
        for row in _rollup(each):
            if row.startswith("Rss:"):
                rss_kb += int(row.split()[1])
            elif row.startswith("Pss:"):
                pss_kb += int(row.split()[1])
    return Peak(rss_kb * 1024 / _BYTES_PER_MB, pss_kb * 1024 / _BYTES_PER_MB)


def _family(pid: int) -> list[int]:
    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def _rollup(pid: int) -> list[str]:
    """Lines of /proc/PID/smaps_rollup (proc(5)); none for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return []
