"""The scenario `chaos` under many seeds: every invariant holds, and real processes write the same log.

Must not leave a run folder behind.
"""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import NamedTuple

from analysis.database import open_database
from bus.errors import TrinityError
from simulator.judging import judge
from tests.torture.outcome import Effort, Outcome
from tests.torture.runs import chaos, record

WORKERS = 2
SECONDS_MAX = 20 * 60
BROKEN_SHOWN_MAX = 10
SHORT_SEEDS, SHORT_SEEDS_WITH_PROCESSES = 4, 1


class Found(NamedTuple):
    seed: int
    event_count: int
    fault_count: int
    broken: tuple[str, ...]
    """Names of the mandatory checks and invariants that do not hold, or the error that ended the run."""
    missed: tuple[str, ...]
    """Names of the checks of performance that failed."""
    digest: str
    digest_of_processes: str | None


def run(effort: Effort) -> list[Outcome]:
    seeds = range(1, effort.count(1_000, SHORT_SEEDS) + 1)
    with_processes = effort.count(50, SHORT_SEEDS_WITH_PROCESSES)
    deadline_s = monotonic() + SECONDS_MAX
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        task = partial(one_seed, with_processes=with_processes, deadline_s=deadline_s)
        found = [one for one in pool.map(task, seeds, chunksize=4) if one is not None]
    compared = [one for one in found if one.digest_of_processes is not None]
    figures: dict[str, int | float] = {
        "seeds": len(found),
        "events": sum(one.event_count for one in found),
        "faults": sum(one.fault_count for one in found),
        "broken_runs": sum(bool(one.broken) for one in found),
        "runs_below_targets": sum(bool(one.missed) for one in found),
        "with_processes": len(compared),
        "different_digests": sum(one.digest != one.digest_of_processes for one in compared),
        "seeds_left_out": len(seeds) - len(found),
    }
    broken = [
        f"seed {one.seed}: {', '.join((*one.broken, *one.missed))}"
        for one in found
        if one.broken or one.missed
    ]
    return [
        Outcome(
            "; ".join(("chaos", *broken[:BROKEN_SHOWN_MAX])),
            len(found),
            figures,
            ("broken_runs", "different_digests", "seeds_left_out"),
            ("faults", "with_processes"),
        )
    ]


def one_seed(seed: int, *, with_processes: int, deadline_s: float) -> Found | None:
    """None when the time is up."""
    if monotonic() > deadline_s:
        return None
    with TemporaryDirectory() as scratch:
        try:
            done = record(chaos(seed), Path(scratch, "inproc"))
            verdict = judge(done.folder)
            with open_database(done.folder) as database:
                fault_count = len(database.named("faults").rows)
        except TrinityError as error:
            return Found(seed, 0, 0, (f"{type(error).__name__}: {error}",), (), "", None)
        failed = [check for check in (*verdict.checks, *verdict.invariants) if not check.passed]
        broken = tuple(check.name for check in failed if check.level == "mandatory")
        missed = tuple(check.name for check in failed if check.level != "mandatory")
        twin = record(chaos(seed), Path(scratch, "twin"), "processes") if seed <= with_processes else None
    count = done.recorded.event_count
    return Found(seed, count, fault_count, broken, missed, done.digest, twin and twin.digest)
