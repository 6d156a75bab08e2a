"""An experiment keeps what it finished, goes on where it stopped, and comes out the same either way."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from shutil import copytree

import pytest

from bus import bodies
from bus.errors import EnvironmentProblem, InputError
from simulator import experiment_plan
from simulator.experiment import arms_of, load_experiment
from simulator.experiment_plan import TEACHER_SEED_OFFSET, Plan, notes_of, prepare
from simulator.experiment_runs import (
    EVEN_SHARE,
    Done,
    carry_out,
    confirmed_share,
    finished_runs,
    status_of,
)
from simulator.recording import Recording
from simulator.scenario_file import load_scenario, parse_scenario
from store.log_reader import read_events
from store.manifest import is_closed, read_manifest
from store.run_folder import RunFolder
from tests.simulator.experiments import GOOD, experiment_folder

TWO_ARMS = GOOD[: GOOD.index("[arms.elsewhere")]


def planned(folder: Path, out: str, experiment: str = TWO_ARMS, seeds: int = 2) -> Plan:
    place = experiment_folder(folder, experiment)
    chosen = load_experiment(place, seeds)
    return prepare(Plan(folder / out, chosen, arms_of(chosen, place), None))


def done(plan: Plan, stop: Callable[[], bool] = lambda: False) -> list[Done] | None:
    return carry_out(plan, lambda count, what: None, stop)


def digests(plan: Plan) -> dict[str, str | None]:
    found = {}
    for _, run in plan.runs():
        manifest = read_manifest(run.folder.events)
        found[f"{run.arm} {run.seed}"] = manifest.digest if manifest else None
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """An experiment of two arms and two seeds that nothing disturbed. Not to be changed."""
    plan = planned(tmp_path_factory.mktemp("experiment"), "out")
    assert done(plan)
    return plan


def test_every_arm_is_run_with_every_seed_and_breaks_no_invariant(tmp_path: Path) -> None:
    plan = planned(tmp_path, "out")
    told: list[str] = []
    found = carry_out(plan, lambda count, what: told.append(f"{count} {what}"), lambda: False)
    assert found is not None
    assert [(one.run.arm, one.run.seed, one.broken) for one in found] == [
        ("on", 1, ()), ("off", 1, ()), ("on", 2, ()), ("off", 2, ()),
    ]  # fmt: skip
    assert told == ["0 on, seed 1", "1 off, seed 1", "2 on, seed 2", "3 off, seed 2"]


def test_an_arm_differs_from_another_in_nothing_but_what_it_says(finished: Plan) -> None:
    def telemetry(run: RunFolder) -> list[bodies.Body]:
        return [e.data for e in read_events(run.events) if isinstance(e.data, bodies.TelemetryReceived)]

    (_, on), (_, off), *_ = finished.runs()
    assert telemetry(on.folder) == telemetry(off.folder)
    told = [e for e in read_events(on.folder.events) if isinstance(e.data, bodies.FeedbackGiven)]
    assert told
    assert not [e for e in read_events(off.folder.events) if isinstance(e.data, bodies.FeedbackGiven)]


def test_finished_runs_are_kept_and_more_seeds_are_added(tmp_path: Path) -> None:
    plan = planned(tmp_path, "out")
    done(plan)
    before = {path: path.stat().st_mtime_ns for path in plan.folder.rglob("events/*.jsonl")}
    more = planned(tmp_path, "out", seeds=3)
    assert done(more)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(digests(more)) == 6
    assert "seeds = 3" in (more.folder / "experiment.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("asked_max", [1, 3])
def test_an_experiment_that_was_stopped_comes_out_like_one_that_was_not(
    tmp_path: Path, finished: Plan, asked_max: int
) -> None:
    plan = planned(tmp_path, "out")
    asked = 0

    def impatient() -> bool:
        nonlocal asked
        asked += 1
        return asked > asked_max

    assert done(plan, impatient) is None
    assert done(plan)
    assert digests(plan) == digests(finished)


def test_a_run_that_was_killed_before_it_began_is_begun(tmp_path: Path, finished: Plan) -> None:
    plan = planned(tmp_path, "out")
    first = next(run for _, run in plan.runs()).folder
    RunFolder.create(first.path)
    assert done(plan)
    assert digests(plan) == digests(finished)


def test_an_experiment_with_other_arms_is_refused_in_the_same_folder(tmp_path: Path) -> None:
    planned(tmp_path, "out")
    with pytest.raises(InputError, match="--out"):
        planned(tmp_path, "out", TWO_ARMS.replace("missing_share = 1.0", "missing_share = 0.9"))


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="holds no experiment"):
        planned(tmp_path, "out")


def test_a_run_of_another_scenario_in_an_arm_is_refused(tmp_path: Path) -> None:
    plan = planned(tmp_path, "out")
    first = next(run for _, run in plan.runs()).folder
    RunFolder.create(first.path)
    first.scenario.write_text(load_scenario("soak").to_toml())
    with pytest.raises(InputError, match="holds another run"):
        done(plan)


def test_an_arm_with_a_teacher_begins_with_what_that_run_learned(tmp_path: Path) -> None:
    plan = planned(tmp_path, "out", GOOD)
    found = done(plan)
    assert found is not None
    assert [one.broken for one in found] == [()] * 6
    run = plan.folder / "arms" / "elsewhere" / "seed-1"
    imported = [e for e in read_events(run / "events") if isinstance(e.data, bodies.PatternImported)]
    seed = TEACHER_SEED_OFFSET + 1
    teacher = plan.folder / "teachers" / "elsewhere" / f"seed-{seed}"
    lessons = {e.seq: e.data for e in read_events(teacher / "events") if e.type == "pattern.learned"}
    assert imported
    for event in imported:
        assert isinstance(event.data, bodies.PatternImported)
        assert event.data.first_run.startswith(f"seed-{seed}:")
        assert event.data.first_seq in lessons
    assert "firmware" in (teacher / "scenario.toml").read_text(encoding="utf-8")


def messages(run: Path) -> list[str]:
    found = (e.data for e in read_events(run / "events"))
    return [body.message for body in found if isinstance(body, bodies.TelemetryReceived)]


TAUGHT = "witness]\nreview_above = 0.2"
SAME_PROJECT = f"{TWO_ARMS}\n[arms.taught.teacher.{TAUGHT}\n"


def test_a_teacher_on_the_same_project_has_none_of_the_records_of_its_pupil(tmp_path: Path) -> None:
    plan = planned(tmp_path, "out", SAME_PROJECT)
    assert done(plan)
    pupils = {tuple(messages(run.folder.path)) for _, run in plan.runs()}
    teachers = {tuple(messages(path)) for path in plan.folder.glob("teachers/taught/seed-*[0-9]")}
    assert (len(pupils), len(teachers)) == (2, 2)
    assert not pupils & teachers


def test_a_teacher_with_a_seed_that_is_tested_with_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(experiment_plan, "TEACHER_SEED_OFFSET", 0)
        with pytest.raises(InputError, match=r"arms.taught.teacher: its seeds, 1 to 2, are among"):
            planned(tmp_path, "out", SAME_PROJECT)
    late = f"[arms.late]\nseed = {TEACHER_SEED_OFFSET + 2}"
    with pytest.raises(InputError, match=r"are among those.*arms.taught.teacher.seed"):
        planned(tmp_path, "out", f"{SAME_PROJECT}\n{late}")
    with pytest.raises(InputError, match="are above"):
        planned(tmp_path, "out", SAME_PROJECT.replace(f".{TAUGHT}", f"]\nseed = {2**63 - 9}"))


def test_a_teacher_with_the_events_file_of_its_pupil_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text('{"label": "none", "event": {"message": "hello"}}\n')
    digest = sha256(file.read_bytes()).hexdigest()
    workload = f"workload]\nevents_file = '{file}'\nevents_sha256 = '{digest}'"
    place = experiment_folder(tmp_path, SAME_PROJECT.replace(TAUGHT, workload))
    chosen = load_experiment(place)
    with pytest.raises(InputError, match=r"arms.taught.teacher: its events file is the one"):
        prepare(Plan(tmp_path / "out", chosen, arms_of(chosen, place), file))
    plan = prepare(Plan(tmp_path / "out", chosen, arms_of(chosen, place), None))
    assert notes_of(plan) == []
    place = experiment_folder(tmp_path, SAME_PROJECT)
    chosen = load_experiment(place)
    plan = prepare(Plan(tmp_path / "other", chosen, arms_of(chosen, place), file))
    assert "none of the file of events" in notes_of(plan)[0]


def test_answers_by_chance_confirm_as_often_as_those_of_the_run_they_take_after(tmp_path: Path) -> None:
    plan = planned(tmp_path, "out", f'{TWO_ARMS}\n[arms.chance]\nchance_like = "on"\n')
    assert done(plan)
    for number in (0, 1):
        on, off, chance = (plan.run(arm, number).folder for arm in plan.arms)
        told = [e.data for e in read_events(on.events) if isinstance(e.data, bodies.FeedbackGiven)]
        assert told
        share = sum(answer.confirmed for answer in told) / len(told)
        assert confirmed_share(on) == share
        found = parse_scenario(chance.scenario.read_bytes(), "chance").feedback
        assert found is not None
        assert found.chance_share == share
        assert confirmed_share(off) == EVEN_SHARE


def test_it_is_said_that_seeds_were_changed_when_runs_existed(tmp_path: Path) -> None:
    planned(tmp_path, "out")
    assert notes_of(planned(tmp_path, "out", seeds=3)) == []  # nobody could have looked at anything
    plan = planned(tmp_path, "out", seeds=2)
    done(plan)
    assert notes_of(planned(tmp_path, "out", seeds=2)) == []
    [note] = notes_of(planned(tmp_path, "out", seeds=3))
    assert "(2, then 3)" in note
    assert "not worth 95 %" in note
    assert notes_of(planned(tmp_path, "out", seeds=3)) == [note]


def test_a_run_that_was_interrupted_or_is_no_run_is_not_finished(tmp_path: Path, finished: Plan) -> None:
    folder = tmp_path / "out"
    copytree(finished.folder, folder)
    runs = finished_runs(folder, finished.experiment)
    assert len(runs) == 4
    (folder / "arms" / "on" / "seed-old").mkdir()
    (folder / "arms" / "on" / "seed-01").mkdir()
    (folder / "arms" / "off" / "seed-2" / "observations" / "manifest.json").unlink()
    found = finished_runs(folder, finished.experiment)
    assert [run.path for run in found] == [run.path for run in runs[:3]]
    plan = planned(tmp_path, "interrupted")
    assert done(plan, lambda: True) is None
    begun = next(run for _, run in plan.runs()).folder
    assert is_closed(begun.events)  # it ends with run.finished, status interrupted
    assert finished_runs(plan.folder, plan.experiment) == []


def test_a_run_that_failed_is_an_error_the_second_time_too(
    tmp_path: Path, finished: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    copytree(finished.folder, folder)
    plan = planned(tmp_path, "out")
    assert {status_of(run.folder) for _, run in plan.runs()} == {"completed"}
    monkeypatch.setattr("simulator.experiment_runs.status_of", lambda run: "failed")
    monkeypatch.setattr(Recording, "record", lambda self: pytest.fail("it was there already"))
    assert finished_runs(folder, plan.experiment) == []
    with pytest.raises(EnvironmentProblem, match="did not reach its end"):
        done(plan)


def test_more_records_than_can_be_compared_are_refused_before_any_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment_plan, "RECORDS_MAX", 300)
    planned(tmp_path, "small")
    with pytest.raises(InputError, match="the 20 runs have more than 300 records"):
        planned(tmp_path, "out", seeds=10)
    assert not (tmp_path / "out").exists()
