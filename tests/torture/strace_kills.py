"""SIGKILL at the system calls themselves, sent by strace. Only for `make torture`, where strace is there.

Each plan of ``tests.torture.kill_plans`` runs in a Python of its own, once to count the calls that change
files behind a marker, then once for each of them.
"""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from store.disk import REAL_DISK
from tests.store.builders import copy_log, segments_of
from tests.torture.kill_plans import FIGURES, PLANS, judge
from tests.torture.outcome import Outcome
from tests.torture.store_shims import scratch

CALLS = (
    "mkdir",
    "openat",
    "write",
    "pwrite64",
    "fdatasync",
    "fsync",
    "ftruncate",
    "rename",
    "unlink",
    "flock",
)
MARKER = "/trinity-torture-begins-here"
"""Asking whether it exists shows in the trace where the plan begins."""
ROOT = Path(__file__).parents[2]
RUN_SECONDS_MAX = 60
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\(")


class _Kill(NamedTuple):
    call: str
    number: int


def killed_by_strace(names: tuple[str, ...]) -> Outcome:
    """Kill each plan at each of its system calls, or say why that cannot be done here."""
    case = "killed by strace"
    if shutil.which("strace") is None:
        return Outcome(f"{case} (skipped: strace is not installed)", 1, {"skipped": 1}, ())
    figures: dict[str, int | float] = dict.fromkeys((*FIGURES, "skipped"), 0)
    tried = 0
    with scratch() as folder:
        for name in names:
            good = folder / f"good {name}"
            PLANS[name].prepare(good)
            tails = {path.name: path.read_bytes() for path in segments_of(good)}
            kills = _kills(name, good, folder)
            if not kills:
                return Outcome(f"{case} (skipped: strace may not trace here)", 1, {"skipped": 1}, ())
            for kill in kills:
                log = _fresh(good, folder)
                inject = f"inject={kill.call}:signal=KILL:when={kill.number}"
                acknowledged = _strace(name, log, f"trace={kill.call}", "-e", inject, "-o", os.devnull)
                judge(PLANS[name], log, acknowledged, tails, figures)
                tried += 1
    return Outcome(case, tried, figures, FIGURES)


def _kills(name: str, good: Path, folder: Path) -> list[_Kill]:
    """Every call that the plan makes; those that Python makes while it starts are only counted."""
    trace = folder / "trace"
    traced = ",".join(("access", "faccessat2", "newfstatat", "stat", *CALLS))
    _strace(name, _fresh(good, folder), f"trace={traced}", "-o", str(trace))
    counts: Counter[str] = Counter()
    kills = []
    has_begun = False
    for line in trace.read_text(errors="replace").splitlines() if trace.exists() else ():
        has_begun = has_begun or MARKER in line
        match = _CALL.match(line)
        if match is not None and match[1] in CALLS:
            counts[match[1]] += 1
            if has_begun:
                kills.append(_Kill(match[1], counts[match[1]]))
    return kills


def _fresh(good: Path, folder: Path) -> Path:
    log = folder / "log"
    if good.exists():
        return copy_log(good, log)
    shutil.rmtree(log, ignore_errors=True)
    return log


def _strace(name: str, log: Path, trace: str, *more: str) -> int:
    """Returns what was acknowledged."""
    python = [sys.executable, "-B", "-m", "tests.torture.strace_kills", name, str(log)]
    command = ["strace", "-f", "-qq", "-e", trace, *more, *python]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        command, capture_output=True, check=False, cwd=ROOT, env=environment, timeout=RUN_SECONDS_MAX
    )
    acknowledged = done.stdout.split()
    return int(acknowledged[-1]) if acknowledged else 0


def main(name: str, log: Path) -> None:
    """In the child: do the plan, and say what is acknowledged."""
    Path(MARKER).exists()
    PLANS[name].act(log, REAL_DISK, lambda seq: os.write(1, b"%d " % seq))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
