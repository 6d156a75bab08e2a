"""Writes the golden run again: ``python -m tests.golden.renew`` from the root of the repository.

Must only be run when a change of what a run says is wanted; look at the difference before keeping it.
"""

import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from simulator.cli import main

FOLDER = Path(__file__).parent / "soak-2h-seed1"
LOG = FOLDER / "events.jsonl"
REPORT = FOLDER / "report.md"
ARGUMENTS = ("run", "soak", "--duration", "2h", "--seed", "1", "--transport", "inproc", "--json")

UNSTABLE = ((re.compile(r"\bmax [\d.,]+ MB\b"), "max # MB"),)
"""What a machine measures differs in every run: the memory of the processes."""


def run_into(folder: Path) -> Path:
    """Make the run in a new folder below ``folder`` and return it."""
    run = folder / "run"
    main([*ARGUMENTS, "--out", str(run)])
    return run


def log_of(run: Path) -> bytes:
    """The whole log, segment after segment."""
    return b"".join(segment.read_bytes() for segment in sorted((run / "events").glob("*.jsonl")))


def masked_report_of(run: Path) -> str:
    """The report without what a machine measured."""
    text = (run / "report.md").read_text(encoding="utf-8")
    for pattern, replacement in UNSTABLE:
        text = pattern.sub(replacement, text)
    return text


def renew() -> None:
    """Replace the golden files."""
    with TemporaryDirectory() as folder:
        run = run_into(Path(folder))
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir()
        LOG.write_bytes(log_of(run))
        REPORT.write_text(masked_report_of(run), encoding="utf-8")


if __name__ == "__main__":
    renew()
    sys.stdout.write(f"renewed {FOLDER}\n")
