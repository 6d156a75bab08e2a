"""Torture: a log that breaks a promise is found out by the invariant that states it.

A good log, in which every kind of fault happens, is spoilt in one place and written by the real writer, so
that every CRC and every number is right. Must not spoil anything but the log.
"""

import json
import tempfile
from pathlib import Path

from analysis.checks import read_invariants, run_invariants
from analysis.database import open_database
from tests.analysis.synthetic import Synthetic
from tests.analysis.synthetic_faults import LIMITS, faulty_log
from tests.torture.outcome import Effort, Outcome
from tests.torture.sabotage_tools import Sabotage
from tests.torture.sabotages_of_events import SABOTAGES as OF_EVENTS
from tests.torture.sabotages_of_learning import SABOTAGES as OF_LEARNING
from tests.torture.sabotages_of_runs import SABOTAGES as OF_RUNS

SABOTAGES = (*OF_EVENTS.all, *OF_LEARNING.all, *OF_RUNS.all)


def run(effort: Effort) -> list[Outcome]:
    """Every sabotage; in the short form one for each invariant."""
    one_each = {sabotage.invariant: sabotage for sabotage in SABOTAGES}
    chosen = list(SABOTAGES if effort.is_full else one_each.values())
    found = {sabotage: broken_invariants(spoilt(sabotage)) for sabotage in chosen}
    caught = [sabotage for sabotage in chosen if sabotage.invariant in found[sabotage]]
    invariants = {check.name for check in read_invariants()}
    figures: dict[str, int | float] = {
        "invariants": len(invariants),
        "caught": len(caught),
        "caught_by_this_one_alone": sum(len(found[sabotage]) == 1 for sabotage in caught),
        "uncaught": len(chosen) - len(caught),
        "invariants_without_sabotage": len(invariants - {sabotage.invariant for sabotage in chosen}),
        "false_alarms": len(broken_invariants(faulty_log())),
    }
    zero = ("uncaught", "invariants_without_sabotage", "false_alarms")
    return [Outcome("sabotage", len(chosen), figures, zero, ("caught",))]


def spoilt(sabotage: Sabotage) -> Synthetic:
    log = faulty_log()
    sabotage.spoil(log)
    return log


def broken_invariants(log: Synthetic) -> set[str]:
    """Names of the invariants that do not hold on a log."""
    with tempfile.TemporaryDirectory(prefix="sabotage-") as scratch:
        run_folder = log.write(Path(scratch) / "run")
        with open_database(run_folder) as database:
            return {
                result.name for result in run_invariants(database, json.dumps(LIMITS)) if not result.passed
            }
