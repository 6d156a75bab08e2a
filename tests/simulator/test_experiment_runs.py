"""An experiment keeps what it finished, goes on where it stopped, and comes out the same either way."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bus import bodies
from bus.errors import InputError
from simulator.experiment import arms_of, load_experiment
from simulator.experiment_runs import Done, Plan, carry_out, prepare
from simulator.scenario_file import load_scenario
from store.log_reader import read_events
from store.manifest import read_manifest
from store.run_folder import RunFolder
from tests.simulator.experiments import GOOD, experiment_folder

TWO_ARMS = GOOD[: GOOD.index("[arms.elsewhere")]


def planned(folder: Path, out: str, experiment: str = TWO_ARMS, seeds: int = 2) -> Plan:
    place = experiment_folder(folder, experiment)
    chosen = load_experiment(place, seeds)
    plan = Plan(folder / out, chosen, arms_of(chosen, place), None)
    prepare(plan)
    return plan


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
    teacher = plan.folder / "teachers" / "elsewhere" / "seed-1"
    lessons = {e.seq: e.data for e in read_events(teacher / "events") if e.type == "pattern.learned"}
    assert imported
    for event in imported:
        assert isinstance(event.data, bodies.PatternImported)
        assert event.data.first_run.startswith("seed-1:")
        assert event.data.first_seq in lessons
    assert "firmware" in (teacher / "scenario.toml").read_text(encoding="utf-8")
