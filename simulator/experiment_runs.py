"""Carries out the runs of an experiment, one after another, in a folder that keeps those that are finished.

::

    FOLDER/
      experiment.toml                 the experiment as resolved
      arms/ARM/seed-SEED/             a run of an arm, as any other run
      teachers/ARM/seed-SEED/         the run whose memory that one began with
      teachers/ARM/seed-SEED.patterns that memory
      report.md  learning_curve.svg

Must not compare the arms.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from shlex import quote
from shutil import rmtree
from typing import NamedTuple

from msgspec import Struct

from analysis.checks import run_invariants
from analysis.database import open_database
from analysis.experiment import ARMS_FOLDER
from bus.errors import EnvironmentProblem, InputError
from simulator.carrying import write_memory
from simulator.compose import workload_of
from simulator.experiment import EXPERIMENT_NAME, Arm, Experiment
from simulator.incarnation import Watcher
from simulator.judging import limits_of
from simulator.options import Options, resolve
from simulator.provisions import lay_in, provisions_of
from simulator.recording import Means, Recording
from simulator.scenario import Scenario
from simulator.scenario_file import parse_scenario
from store.layout import has_log
from store.manifest import is_closed
from store.run_folder import RunFolder, check_unicode
from store.whole_file import write_whole

TEACHERS_FOLDER = "teachers"
MEANS = Means("inproc")
"""The log is the same as with agents in processes of their own."""


class ArmRun(NamedTuple):
    """One run of the experiment: an arm with a seed."""

    arm: str
    seed: int
    folder: RunFolder


class Done(NamedTuple):
    run: ArmRun
    broken: tuple[str, ...]
    """Titles of the invariants that do not hold."""


class Plan(Struct, frozen=True):
    """What is to be run, and where."""

    folder: Path
    experiment: Experiment
    arms: list[Arm]
    events: Path | None
    """Records in place of those that the scenario makes; a teacher has its own."""

    @property
    def run_count(self) -> int:
        """Of the arms; teachers come on top."""
        return len(self.arms) * self.experiment.seeds

    def runs(self) -> Iterator[tuple[Arm, ArmRun]]:
        """Seed by seed, so that an interrupted experiment has whole seeds."""
        for number in range(self.experiment.seeds):
            for arm in self.arms:
                seed = arm.scenario.seed + number
                path = self.folder / ARMS_FOLDER / arm.name / f"seed-{seed}"
                yield arm, ArmRun(arm.name, seed, RunFolder(path))


def find_experiment(name_or_path: str, runs_dir: Path) -> Path | None:
    """The folder of an experiment by its name under ``runs_dir`` or by its path; None if there is none."""
    for folder in (runs_dir / name_or_path, Path(name_or_path)):
        # A name may be too long for the system, or have a null character.
        with suppress(OSError, ValueError):
            if (folder / EXPERIMENT_NAME).is_file() and (folder / ARMS_FOLDER).is_dir():
                return folder
    return None


def finished_runs(folder: Path, experiment: Experiment) -> list[RunFolder]:
    """The runs that a report of the experiment would be about, as far as they are finished."""
    found = []
    for arm in experiment.arms:
        seeds = sorted(int(path.name[5:]) for path in (folder / ARMS_FOLDER / arm).glob("seed-*"))
        runs = [RunFolder(folder / ARMS_FOLDER / arm / f"seed-{n}") for n in seeds[: experiment.seeds]]
        found += [run for run in runs if run.events.is_dir() and is_closed(run.events)]
    return found


def prepare(plan: Plan) -> None:
    """Make the folder of the experiment, or find it begun with the same one; check what can be checked.

    More or fewer seeds are no other experiment.

    Raises:
        InputError: the folder holds something else, or the events file cannot be used.
        EnvironmentProblem: it cannot be made.
    """
    for arm in plan.arms:
        workload_of(_resolved(arm.scenario, arm.scenario.seed, plan.events))
    check_unicode(plan.folder)
    path = plan.folder / EXPERIMENT_NAME
    text = _resolved_toml(plan)
    try:
        if path.is_file():
            _check_same(plan, path.read_text(encoding="utf-8"), text)
        elif plan.folder.exists() and any(plan.folder.iterdir()):
            raise InputError(f"{plan.folder} holds no experiment; give a new folder with --out")
        plan.folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as error:
        problem = f"{plan.folder}: cannot make the folder: {error.strerror}; give another with --out"
        raise EnvironmentProblem(problem) from None


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
        memory = _memory_path(plan, run) if arm.teacher else None
        if arm.teacher is not None and not _taught(plan, arm.teacher, run, stop):
            return None
        scenario = _resolved(arm.scenario, run.seed, plan.events, memory)
        if not _finished(scenario, run.folder, stop):
            return None
        done.append(Done(run, _broken(scenario, run.folder)))
    return done


def _broken(scenario: Scenario, folder: RunFolder) -> tuple[str, ...]:
    with open_database(folder) as database:
        results = run_invariants(database, limits_of(scenario))
    return tuple(result.title for result in results if not result.passed)


def _resolved(scenario: Scenario, seed: int, events: Path | None, memory: Path | None = None) -> Scenario:
    return resolve(scenario, Options(seed=str(seed), events=events, memory=memory))


def _resolved_toml(plan: Plan) -> str:
    """The experiment, with what decides its runs besides: the digest of each arm's scenario."""
    lines = [f"# sha256 of the scenario of arm {a.name}: {_digest(plan, a)}" for a in plan.arms]
    return "\n".join([*lines, plan.experiment.to_toml()])


def _digest(plan: Plan, arm: Arm) -> str:
    return _resolved(arm.scenario, arm.scenario.seed, plan.events).sha256()


def _check_same(plan: Plan, before: str, after: str) -> None:
    def without_seeds(text: str) -> list[str]:
        return [line for line in text.splitlines() if not line.startswith("seeds = ")]

    if without_seeds(before) != without_seeds(after):
        problem = "holds an experiment with other arms, another scenario or other events"
        raise InputError(f"{plan.folder} {problem}; give a new folder with --out")


def _memory_path(plan: Plan, run: ArmRun) -> Path:
    return plan.folder / TEACHERS_FOLDER / run.arm / f"seed-{run.seed}.patterns"


def _taught(plan: Plan, teacher: Scenario, run: ArmRun, stop: Callable[[], bool]) -> bool:
    """Record the run that teaches, and write down its memory; False if that was stopped."""
    path = _memory_path(plan, run)
    if path.is_file():
        return True
    folder = RunFolder(path.with_suffix(""))
    if not _finished(_resolved(teacher, run.seed, None), folder, stop):
        return False
    write_memory(folder, path)
    return True


def _finished(scenario: Scenario, folder: RunFolder, stop: Callable[[], bool]) -> bool:
    """Record a run, or the rest of it, or nothing if it is finished; False if that was stopped."""
    if folder.scenario.is_file():
        begun_with = parse_scenario(folder.scenario.read_bytes(), str(folder.scenario))
        if begun_with.sha256() != scenario.sha256():
            raise InputError(f"{folder.path} holds another run; give a new folder with --out")
        if is_closed(folder.events) and is_closed(folder.observations):
            return True
    else:
        _begin(scenario, folder)
    recording = Recording(scenario, folder, MEANS, Watcher(lambda now_ns, count: None, stop))
    recorded = recording.resume() if has_log(folder.events) else recording.record()
    if recorded.status == "failed":
        look = f"`trinity info {quote(str(folder.path))}` shows how far it came"
        raise EnvironmentProblem(f"{folder.path}: the run did not reach its end: {recorded.reason}; {look}")
    return recorded.status == "completed"


def _begin(scenario: Scenario, folder: RunFolder) -> None:
    """Make the folder of a run; what a killed experiment left there holds nothing yet."""
    if folder.path.exists() and not has_log(folder.events):
        rmtree(folder.path)
    RunFolder.create(folder.path)
    lay_in(provisions_of(scenario), scenario, folder)
