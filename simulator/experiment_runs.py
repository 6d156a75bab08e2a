"""Carries out the runs of an experiment, one after another, in a folder that keeps those that are finished.

Must not compare the arms.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from shlex import quote
from shutil import rmtree
from typing import NamedTuple

from msgspec.structs import replace

from analysis.checks import CheckResult, run_invariants
from analysis.database import open_database
from analysis.experiment import ARMS_FOLDER
from bus.bodies import FeedbackGiven, RunFinished
from bus.errors import EnvironmentProblem, InputError
from simulator.carrying import write_memory
from simulator.experiment import EXPERIMENT_NAME, Arm, Experiment
from simulator.experiment_plan import ArmRun, Lesson, Plan, resolved
from simulator.incarnation import Watcher
from simulator.judging import limits_of
from simulator.provisions import lay_in, provisions_of
from simulator.recording import Means, Recording
from simulator.scenario import Scenario
from simulator.scenario_file import parse_scenario
from store.layout import has_log
from store.log_reader import read_events
from store.manifest import read_manifest
from store.run_folder import RunFolder

MEANS = Means("inproc")
"""The log is the same as with agents in processes of their own."""
EVEN_SHARE = 0.5
"""Of "confirmed" among answers by chance, where the run that they take after had no answer."""
_SEED_FOLDER = re.compile(r"seed-(0|[1-9][0-9]{0,18})")


class Done(NamedTuple):
    run: ArmRun
    broken: tuple[CheckResult, ...]
    """The invariants that do not hold."""


def find_experiment(name_or_path: str, runs_dir: Path) -> Path | None:
    """The folder of an experiment by its name under ``runs_dir`` or by its path; None if there is none."""
    for folder in (runs_dir / name_or_path, Path(name_or_path)):
        # A name may be too long for the system, or have a null character.
        with suppress(OSError, ValueError):
            if (folder / EXPERIMENT_NAME).is_file() and (folder / ARMS_FOLDER).is_dir():
                return folder
    return None


def finished_runs(folder: Path, experiment: Experiment) -> list[RunFolder]:
    """The runs that a report of the experiment would be about, as far as they came to their end."""
    found = []
    for arm in experiment.arms:
        names = [_SEED_FOLDER.fullmatch(path.name) for path in (folder / ARMS_FOLDER / arm).glob("seed-*")]
        seeds = sorted(int(name.group(1)) for name in names if name)
        runs = [RunFolder(folder / ARMS_FOLDER / arm / f"seed-{n}") for n in seeds[: experiment.seeds]]
        found += [run for run in runs if status_of(run) == "completed"]
    return found


def status_of(run: RunFolder) -> str | None:
    """How a run ended; None if it did not, was interrupted and can go on, or its proof is missing."""
    if not run.events.is_dir() or not run.observations.is_dir():
        return None
    events, observations = read_manifest(run.events), read_manifest(run.observations)
    if events is None or observations is None or not (events.closed and observations.closed):
        return None
    last = next(read_events(run.events, events.last_seq), None)
    return last.data.status if last is not None and isinstance(last.data, RunFinished) else None


def carry_out(plan: Plan, told: Callable[[int, str], None], stop: Callable[[], bool]) -> list[Done] | None:
    """Run what is not finished yet, and hold every run against the invariants; None if it was stopped.

    Args:
        plan: prepared.
        told: called with the number of finished runs and what goes on.
        stop: asked often; True ends the experiment between two commits, and what is finished is kept.

    Raises:
        InputError: a folder holds another run than it should.
        EnvironmentProblem: a run did not come to its end.
    """
    done: list[Done] = []
    for arm, run in plan.runs():
        told(len(done), f"{run.arm}, seed {run.seed}")
        lesson = None if arm.teacher is None else plan.lesson(arm, arm.teacher, run)
        if arm.teacher is not None and lesson is not None and not _taught(arm.teacher, lesson, stop):
            return None
        scenario = _scenario(plan, arm, run, lesson)
        if not _finished(scenario, run.folder, stop):
            return None
        done.append(Done(run, _broken(scenario, run.folder)))
    return done


def confirmed_share(run: RunFolder) -> float:
    """0 to 1, of the answers that came in a run: how many say "confirmed"; EVEN_SHARE if none came."""
    answers = [event.data for event in read_events(run.events) if isinstance(event.data, FeedbackGiven)]
    return sum(answer.confirmed for answer in answers) / len(answers) if answers else EVEN_SHARE


def _scenario(plan: Plan, arm: Arm, run: ArmRun, lesson: Lesson | None) -> Scenario:
    scenario = resolved(arm.scenario, run.seed, plan.events, lesson.memory if lesson else None)
    like = plan.like(arm, run)
    if like is None or scenario.feedback is None:
        return scenario
    return replace(scenario, feedback=replace(scenario.feedback, chance_share=confirmed_share(like.folder)))


def _broken(scenario: Scenario, folder: RunFolder) -> tuple[CheckResult, ...]:
    with open_database(folder) as database:
        results = run_invariants(database, limits_of(scenario))
    return tuple(result for result in results if not result.passed)


def _taught(teacher: Scenario, lesson: Lesson, stop: Callable[[], bool]) -> bool:
    """Record the run that teaches, and write down its memory; False if that was stopped."""
    if lesson.memory.is_file():
        return True
    if not _finished(resolved(teacher, lesson.seed, None), lesson.folder, stop):
        return False
    write_memory(lesson.folder, lesson.memory)
    return True


def _finished(scenario: Scenario, folder: RunFolder, stop: Callable[[], bool]) -> bool:
    """Record a run, or the rest of it, or nothing if it is finished; False if that was stopped."""
    if folder.scenario.is_file():
        begun_with = parse_scenario(folder.scenario.read_bytes(), str(folder.scenario))
        if begun_with.sha256() != scenario.sha256():
            raise InputError(f"{folder.path} holds another run; give a new folder with --out")
        if (status := status_of(folder)) is not None:
            return _came_to_its_end(folder, status, "as its log says")
    else:
        _begin(scenario, folder)
    recording = Recording(scenario, folder, MEANS, Watcher(lambda now_ns, count: None, stop))
    recorded = recording.resume() if has_log(folder.events) else recording.record()
    if recorded.status == "interrupted":
        return False
    return _came_to_its_end(folder, recorded.status, recorded.reason)


def _came_to_its_end(folder: RunFolder, status: str, reason: str) -> bool:
    if status != "completed":
        look = f"`trinity info {quote(str(folder.path))}` shows how far it came"
        raise EnvironmentProblem(f"{folder.path}: the run did not reach its end: {reason}; {look}")
    return True


def _begin(scenario: Scenario, folder: RunFolder) -> None:
    """Make the folder of a run; what a killed experiment left there holds nothing yet."""
    if folder.path.exists() and not has_log(folder.events):
        rmtree(folder.path)
    RunFolder.create(folder.path)
    lay_in(provisions_of(scenario), scenario, folder)
