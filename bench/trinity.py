"""Runs the command ``trinity`` of this tree as a process, and reads what it recorded. Must not measure."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from bus.bodies import PhaseTimed
from store.log_reader import read_events
from store.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[1]
EXIT_CODES_OF_A_RUN = (0, 1)
"""1: a check failed, which is no business of a benchmark."""


class RunSummary(Struct):
    """The part of ``trinity run --json`` that is wanted here."""

    run: str
    digest: str
    events: int
    duration_ns: int


def command(arguments: Sequence[str]) -> list[str]:
    """The command line that starts this tree's ``trinity``, as the installed script would."""
    return [sys.executable, "-P", "-m", "simulator.launch", *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def run(arguments: Sequence[str], out: Path) -> RunSummary:
    """``trinity run ARGUMENTS --json --out OUT``; raises RuntimeError with its last words when it fails."""
    done = subprocess.run(
        command(["run", *arguments, "--json", "--out", str(out)]),
        env=environment(),
        cwd=out.parent,
        capture_output=True,
        check=False,
    )
    if done.returncode not in EXIT_CODES_OF_A_RUN:
        raise RuntimeError(f"trinity run {' '.join(arguments)}: {done.stderr.decode(errors='replace')}")
    return msgspec.json.decode(done.stdout, type=RunSummary)


def phases_s(run_path: Path) -> dict[str, float]:
    """Seconds of wall time of each phase that the run timed."""
    observed = (
        event.data for event in read_events(RunFolder.open(str(run_path), run_path.parent).observations)
    )
    return {body.phase: body.elapsed_ns / 1e9 for body in observed if isinstance(body, PhaseTimed)}
