"""Writes golden files, from the root of the repository. Must only be run when a change is wanted.

``python -m tests.golden.renew`` runs the golden run again; look at the difference before keeping it.

``python -m tests.golden.renew corpus NAME SCENARIO`` runs a scenario (a name, or a folder) and keeps its log
in the corpus of those that must replay for ever. What is there is never written again.
"""

import json
import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from simulator.cli import main

FOLDER = Path(__file__).parent / "soak-2h-seed1"
CORPUS = Path(__file__).parent / "corpus"
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


def keep(name: str, scenario: str) -> Path:
    """Run a scenario and keep its log and resolved scenario, which is all that a replay needs.

    Raises:
        SystemExit: the corpus has a run of that name, or the run did not come to its end.
    """
    kept = CORPUS / name
    if kept.exists():
        raise SystemExit(f"{kept} exists; a kept run is never written again, choose another name")
    with TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        main(["run", scenario, "--transport", "inproc", "--json", "--out", str(run)])
        if not json.loads((run / "events" / "manifest.json").read_bytes())["closed"]:
            raise SystemExit(f"the run of {scenario} did not come to its end")
        (kept / "events").mkdir(parents=True)
        for path in (run / "scenario.toml", *(run / "events").glob("*.json*")):
            shutil.copy(path, kept / path.relative_to(run))
    return kept


if __name__ == "__main__":
    if sys.argv[1:2] == ["corpus"]:
        _, _, name, scenario = sys.argv
        sys.stdout.write(f"kept {keep(name, scenario)}\n")
    else:
        renew()
        sys.stdout.write(f"renewed {FOLDER}\n")
