"""``python -m tests.torture [CASE ...] [--short] [--json FILE]``: runs the cases and prints their table.

Must not judge anything: every figure comes from a case. Ends with 1 when a case failed.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.table import Table

from tests.torture.outcome import FULL, SHORT, Effort, Outcome

CASES = (
    "torn_tails",
    "bit_flips",
    "syscall_kills",
    "power_fail",
    "write_errors",
    "kills_everywhere",
    "random_kills",
    "chaos_seeds",
    "scenario_fuzz",
    "frames",
    "traffic",
    "sockets",
    "fuzz_decoders",
    "sql_sandbox",
    "output_payloads",
    "run_names",
    "canaries",
    "sabotage",
    "planted_bugs",
)
"""Modules of this folder, in the order of the table."""


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"some of: {', '.join(CASES)}")
    parser.add_argument("--short", action="store_true", help="what `make test` tries of each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcomes there too")
    options = parser.parse_args(argv)
    unknown = [name for name in options.cases if name not in CASES]
    if unknown:
        parser.error(f"{unknown[0]!r} is no case; there are {', '.join(CASES)}")
    outcomes = list(_run_all(options.cases or CASES, SHORT if options.short else FULL))
    if options.json is not None:
        options.json.write_text(json.dumps([outcome._asdict() for outcome in outcomes], indent=1))
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def _run_all(names: Sequence[str], effort: Effort) -> list[Outcome]:
    console = Console(width=None if sys.stdout.isatty() else 200)
    outcomes: list[Outcome] = []
    for name in names:
        run: Callable[[Effort], list[Outcome]] = import_module(f"tests.torture.{name}").run
        started_s = monotonic()
        with console.status(name):
            found = run(effort)
        console.print(_table(name, monotonic() - started_s, found))
        outcomes += found
    failed = [outcome.case for outcome in outcomes if not outcome.passed]
    verdict = f"{len(failed)} FAILED: {', '.join(failed)}" if failed else "none failed"
    console.print(f"{len(outcomes)} cases, {verdict}", markup=False)
    return outcomes


def _table(name: str, seconds: float, outcomes: Sequence[Outcome]) -> Table:
    table = Table("", "case", "tried", "figures", title=f"{name}, {seconds:.0f} s", title_justify="left")
    for outcome in outcomes:
        figures = ", ".join(f"{key} {value:,}" for key, value in outcome.figures.items())
        table.add_row("ok" if outcome.passed else "FAILED", outcome.case, f"{outcome.tried:,}", figures)
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
