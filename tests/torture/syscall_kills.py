"""SIGKILL before, within and after every call that changes a log: what was acknowledged is there afterwards.

The calls are those of ``store.disk``, cut short by a shim in a child process; `make torture` does the same
once more with strace, at the system calls themselves (tests/torture/strace_kills.py). What the system was
given survives the death of a process, so this shows the order of the calls. Lost power is another case.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from store.disk import Disk
from store.log_writer import SyncPolicy
from tests.store.builders import copy_log, segments_of
from tests.torture.kill_plans import FIGURES, PLANS, Plan, judge, write
from tests.torture.outcome import Effort, Outcome
from tests.torture.store_shims import MOMENTS, Call, KillingDisk, Moment, TracingDisk, scratch
from tests.torture.strace_kills import killed_by_strace

CALLS_MAX = 500
"""No plan makes more calls; one that does would be killed for ever."""


def run(effort: Effort) -> list[Outcome]:
    steps = {"write": effort.count(1, 5), "write, acknowledged early": effort.count(1, 9)}
    with scratch() as folder:
        outcomes = [killed(folder, name, steps.get(name, effort.count(1, 2))) for name in PLANS]
        outcomes.append(traced(folder / "traced"))
    if effort.is_full:
        outcomes.append(killed_by_strace(("write", "recover", "cut damage", "reopen")))
    return outcomes


def killed(folder: Path, name: str, step: int) -> Outcome:
    """Kill at every call, or at one in ``step``."""
    plan = PLANS[name]
    figures: dict[str, int | float] = dict.fromkeys(FIGURES, 0)
    good = folder / f"good {name}"
    plan.prepare(good)
    tails = {path.name: path.read_bytes() for path in segments_of(good)}
    tried = 0
    with _Server() as server:
        for moment in MOMENTS:
            for at in range(1, CALLS_MAX, step):
                log = copy_log(good, folder / "log") if good.exists() else folder / "log"
                died = server.act(name, at, moment, log)
                if not died.was_killed:
                    break
                judge(plan, log, died.acknowledged_seq, tails, figures)
                tried += 1
                _remove(log)
            _remove(folder / "log")
    is_bad = name == "write, acknowledged early"
    positive = ("acknowledged_lost",) if is_bad else ()
    return Outcome(f"killed: {name}", tried, figures, () if is_bad else FIGURES, positive)


def traced(folder: Path) -> Outcome:
    """What is acknowledged was synced, and so were the names of its files; ``off`` shows that this bites."""
    found = {policy: _unsynced(folder / policy, policy) for policy in ("always", "off")}
    figures: dict[str, int | float] = {"violations": 0, "violations_under_off": len(found["off"])}
    figures["violations"] = len(found["always"])
    for name in ("recover", "cut damage", "reopen", "reopen, segment of its own"):
        log = folder / name
        PLANS[name].prepare(log)
        disk = TracingDisk()
        PLANS[name].act(log, disk, lambda seq: None)
        figures["violations"] += len(violations([*disk.calls, ACKNOWLEDGED]))
    return Outcome("calls traced", 6, figures, ("violations",), ("violations_under_off",))


ACKNOWLEDGED = Call("acknowledge", Path())


def violations(calls: Sequence[Call]) -> list[str]:
    """What was not durable when it had to be."""
    dirty_files: set[Path] = set()
    dirty_names: set[Path] = set()
    found = []
    for call in calls:
        if call.name in ("write", "truncate"):
            dirty_files.add(call.path)
        elif call.name in ("fdatasync", "fsync"):
            dirty_files.discard(call.path)
        elif call.name in ("create", "create_or_empty", "rename", "unlink"):
            if call.name == "rename" and dirty_files:
                found.append(f"renamed to {call.path.name} before a sync")
            dirty_names.add(call.path)
        elif call.name == "sync_folder":
            dirty_names = {path for path in dirty_names if path.parent != call.path}
        elif call.name == "acknowledge":
            found += [f"{path.name} not synced" for path in sorted(dirty_files | dirty_names)]
    return found


def _unsynced(folder: Path, policy: SyncPolicy) -> list[str]:
    folder.parent.mkdir(exist_ok=True)
    disk = TracingDisk()
    write(folder, disk, lambda seq: disk.calls.append(ACKNOWLEDGED), policy)
    return violations([*disk.calls, ACKNOWLEDGED])


class _Died(NamedTuple):
    was_killed: bool
    """False: it did all its work, because there is no call of that number."""
    acknowledged_seq: int


class _Server:
    """A child that forks a child for each kill: Python starts once and not a thousand times."""

    def __enter__(self) -> "_Server":
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.syscall_kills"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=root,
            env=os.environ | {"PYTHONPATH": str(root)},
            text=True,
        )
        return self

    def act(self, name: str, at: int, moment: Moment, log: Path) -> _Died:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{name}\t{at}\t{MOMENTS.index(moment)}\t{log}\n")
        self._process.stdin.flush()
        status, acknowledged_seq = map(int, self._process.stdout.readline().split())
        if status not in (0, -signal.SIGKILL):
            raise AssertionError(f"{name} ended with status {status} at call {at}")
        return _Died(status != 0, acknowledged_seq)

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def _serve() -> None:
    for line in sys.stdin:
        name, at, moment, log = line.rstrip("\n").split("\t")
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            _act(PLANS[name], KillingDisk(int(at), MOMENTS[int(moment)]), Path(log), writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            acknowledged = pipe.read().split()
        _, status = os.waitpid(pid, 0)
        seq = int(acknowledged[-1]) if acknowledged else 0
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)} {seq}\n")
        sys.stdout.flush()


def _act(plan: Plan, disk: Disk, log: Path, pipe: int) -> NoReturn:
    """In the child that will be killed."""
    plan.act(log, disk, lambda seq: os.write(pipe, b"%d " % seq))
    os._exit(0)


def _remove(log: Path) -> None:
    shutil.rmtree(log, ignore_errors=True)


if __name__ == "__main__":
    _serve()
