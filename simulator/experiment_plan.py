"""What an experiment is about to run, and whether it may. Must not run anything.

::

    FOLDER/
      experiment.toml                 the experiment as resolved
      arms/ARM/seed-SEED/             a run of an arm, as any other run
      teachers/ARM/seed-SEED/         a run whose memory one of the arm begins with; its seeds are others
      teachers/ARM/seed-SEED.patterns that memory
      report.md  learning_curve.svg
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from analysis.experiment import ARMS_FOLDER, RECORDS_MAX
from bus.errors import EnvironmentProblem, InputError
from simulator.compose import workload_of
from simulator.experiment import EXPERIMENT_NAME, TEACHER, Arm, Experiment, read_experiment
from simulator.options import Options, resolve
from simulator.scenario import Scenario
from simulator.scenario_rules import SEED_MAX
from store.layout import has_log
from store.run_folder import RunFolder, check_unicode
from store.whole_file import write_whole

TEACHERS_FOLDER = "teachers"
TEACHER_SEED_OFFSET = 1_000_000
"""A teacher's seed is its scenario's and so much more: what an arm is tested with has taught nobody."""


class ArmRun(NamedTuple):
    """One run of the experiment: an arm with a seed."""

    arm: str
    seed: int
    folder: RunFolder


class Lesson(NamedTuple):
    """A run whose memory a run of an arm begins with."""

    seed: int
    folder: RunFolder
    memory: Path


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
                yield arm, self.run(arm, number)

    def run(self, arm: Arm, number: int) -> ArmRun:
        """The run of an arm with its first seed (0), its second, ..."""
        seed = arm.scenario.seed + number
        return ArmRun(arm.name, seed, RunFolder(self.folder / ARMS_FOLDER / arm.name / f"seed-{seed}"))

    def lesson(self, arm: Arm, teacher: Scenario, run: ArmRun) -> Lesson:
        """What a run of an arm begins with."""
        seed = _teacher_seed(teacher, run.seed - arm.scenario.seed)
        path = self.folder / TEACHERS_FOLDER / arm.name / f"seed-{seed}"
        return Lesson(seed, RunFolder(path), path.with_suffix(".patterns"))

    def like(self, arm: Arm, run: ArmRun) -> ArmRun | None:
        """The run whose share of "confirmed" answers a run of the arm has; None if the scenario says it."""
        number = run.seed - arm.scenario.seed
        return next((self.run(other, number) for other in self.arms if other.name == arm.chance_like), None)


def prepare(plan: Plan) -> Plan:
    """Make the folder of the experiment, or find it begun with the same one; check what can be checked.

    More or fewer seeds are no other experiment, but it is kept in mind that there were.

    Raises:
        InputError: the folder holds something else, the events file cannot be used, a teacher has the records
            of its pupil, or there are more records than can be compared.
        EnvironmentProblem: it cannot be made.
    """
    _check_records(plan)
    _check_teachers(plan)
    check_unicode(plan.folder)
    path = plan.folder / EXPERIMENT_NAME
    try:
        if path.is_file():
            plan = _gone_on_with(plan, path)
        elif plan.folder.exists() and any(plan.folder.iterdir()):
            raise InputError(f"{plan.folder} holds no experiment; give a new folder with --out")
        plan.folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, "\n".join([*_digests(plan), plan.experiment.to_toml()]))
    except OSError as error:
        problem = f"{plan.folder}: cannot make the folder: {error.strerror}; give another with --out"
        raise EnvironmentProblem(problem) from None
    return plan


def notes_of(plan: Plan) -> list[str]:
    """What a reader of the report has to know besides the figures."""
    notes = []
    experiment = plan.experiment
    if experiment.seeds_before:
        counts = ", then ".join(map(str, (*experiment.seeds_before, experiment.seeds)))
        notes.append(
            f"The number of seeds was changed when runs existed ({counts}). Whoever looks in between and "
            "goes on until 0 is excluded finds that more often than once in twenty times, so the intervals "
            "are not worth 95 %. Repeat it in a new folder, with the number of seeds settled beforehand."
        )
    if plan.events is not None and any(arm.teacher is not None for arm in plan.arms):
        notes.append("Teachers had the records of their scenario, and none of the file of events.")
    return notes


def resolved(scenario: Scenario, seed: int, events: Path | None, memory: Path | None = None) -> Scenario:
    """The scenario of a run."""
    return resolve(scenario, Options(seed=str(seed), events=events, memory=memory))


def _check_records(plan: Plan) -> None:
    """The first seed stands for all, which have about as many records."""
    count = 0
    for arm in plan.arms:
        items = workload_of(resolved(arm.scenario, arm.scenario.seed, plan.events))
        count += sum(1 for _ in islice(items, RECORDS_MAX)) * plan.experiment.seeds
        if count > RECORDS_MAX:
            problem = f"have more than {RECORDS_MAX:,} records, which are all compared in memory"
            raise InputError(f"the {plan.run_count} runs {problem}; take fewer seeds or a shorter scenario")


def _check_teachers(plan: Plan) -> None:
    seeds = plan.experiment.seeds
    tested = [range(arm.scenario.seed, arm.scenario.seed + seeds) for arm in plan.arms]
    for arm in plan.arms:
        if arm.teacher is None:
            continue
        key = f"arms.{arm.name}.{TEACHER}"
        first, last = (_teacher_seed(arm.teacher, number) for number in (0, seeds - 1))
        if last > SEED_MAX:
            raise InputError(
                f"{key}: its seeds, up to {last}, are above {SEED_MAX}; give the scenario a smaller"
            )
        if any(first < seeds_of.stop and seeds_of.start <= last for seeds_of in tested):
            problem = f"its seeds, {first} to {last}, are among those that the arms are tested with"
            raise InputError(f"{key}: {problem}; set another {key}.seed")
        taught_by = resolved(arm.teacher, first, None).workload.events_sha256
        tested_with = resolved(arm.scenario, arm.scenario.seed, plan.events).workload.events_sha256
        if taught_by is not None and taught_by == tested_with:
            problem = "its events file is the one that the arm is tested with"
            raise InputError(f"{key}: {problem}; give it other records")


def _teacher_seed(teacher: Scenario, number: int) -> int:
    return teacher.seed + TEACHER_SEED_OFFSET + number


def _gone_on_with(plan: Plan, path: Path) -> Plan:
    """The plan with the numbers of seeds that there were before, if runs were recorded with these."""
    found = read_experiment(path)
    digests = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    replace = msgspec.structs.replace
    if digests != _digests(plan) or replace(found, seeds=0, seeds_before=[]) != replace(
        plan.experiment, seeds=0, seeds_before=[]
    ):
        problem = "holds an experiment with other arms, another scenario or other events"
        raise InputError(f"{plan.folder} {problem}; give a new folder with --out")
    before = found.seeds_before
    has_runs = any(has_log(path / "events") for path in plan.folder.glob(f"{ARMS_FOLDER}/*/seed-*"))
    if found.seeds != plan.experiment.seeds and has_runs:
        before = [*before, found.seeds]
    return replace(plan, experiment=replace(plan.experiment, seeds_before=before))


def _digests(plan: Plan) -> list[str]:
    """What decides the runs besides the experiment: the scenarios of the arms and of their teachers."""
    lines = []
    for arm in plan.arms:
        digest = resolved(arm.scenario, arm.scenario.seed, plan.events).sha256()
        lines.append(f"# sha256 of the scenario of arm {arm.name}: {digest}")
        if arm.teacher is not None:
            digest = resolved(arm.teacher, _teacher_seed(arm.teacher, 0), None).sha256()
            lines.append(f"# sha256 of the scenario of its teacher: {digest}")
    return lines
