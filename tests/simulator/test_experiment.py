"""What experiment.toml says becomes scenarios, and nothing that it cannot mean is taken."""

from pathlib import Path

import pytest

from bus.errors import InputError
from simulator.errors import ScenarioError
from simulator.experiment import RUNS_MAX, arms_of, laid_over, load_experiment
from simulator.scenario_file import load_scenario
from tests.simulator.experiments import GOOD, experiment_folder


def test_every_arm_is_the_scenario_with_its_own_keys_over_it(tmp_path: Path) -> None:
    folder = experiment_folder(tmp_path)
    on, off, elsewhere = arms_of(load_experiment(folder), folder)
    plain = load_scenario(folder)
    assert on.scenario == plain
    assert (on.scenario.feedback, off.scenario.feedback) != (None, None)
    assert off.scenario.feedback is not None
    assert plain.feedback is not None
    assert off.scenario.feedback.missing_share == 1.0
    assert off.scenario.feedback.wrong_share == plain.feedback.wrong_share
    assert (on.teacher, off.teacher) == (None, None)
    assert elsewhere.teacher is not None
    assert elsewhere.teacher.workload.project == "firmware"
    assert elsewhere.scenario == plain


def test_the_treatment_comes_first_and_then_the_baseline(tmp_path: Path) -> None:
    folder = experiment_folder(tmp_path, GOOD.replace('baseline = "off"', 'baseline = "elsewhere"'))
    assert [arm.name for arm in arms_of(load_experiment(folder), folder)] == ["on", "elsewhere", "off"]


def test_the_number_of_seeds_can_be_another_one(tmp_path: Path) -> None:
    folder = experiment_folder(tmp_path)
    assert (load_experiment(folder).seeds, load_experiment(folder, 7).seeds) == (2, 7)


@pytest.mark.parametrize("seeds", [-1, 0, 1, 101])
def test_a_number_of_seeds_that_gives_no_interval_or_no_end_is_refused(tmp_path: Path, seeds: int) -> None:
    with pytest.raises(InputError, match=f"--seeds.*{seeds}"):
        load_experiment(experiment_folder(tmp_path), seeds)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("seeds = 2", "", "seeds"),
        ("seeds = 2", 'seeds = "two"', "seeds"),
        ("seeds = 2", "seeds = 2\nseed = 3", "seed"),
        ('baseline = "off"', 'baseline = "none"', "none"),
        ('baseline = "off"', 'baseline = "on"', "both"),
        ("[arms.on]", "[arms.On]", "arms.On"),
        ("[arms.on]", "[arms.'../up']", "up"),
        ("[arms.elsewhere", f"[arms.{'a' * 25}", "at most 24"),
        ("seeds = 2", "seeds = 2\nseeds_before = [3]", "seeds_before"),
        ("[arms.on]", "[arms", "experiment.toml"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_with_what_is_wrong(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    assert before in GOOD
    with pytest.raises(InputError, match=said):
        load_experiment(experiment_folder(tmp_path, GOOD.replace(before, after)))


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("feedback.mising_share = 0.5", r"arms.off.*mising_share.*\$\.feedback"),
        ("surprise = 1", "arms.off.*surprise"),
        ("feedback.missing_share = 1.5", "arms.off.*feedback.missing_share"),
        ("teacher.workload.projekt = 'firmware'", r"arms.off.teacher.*projekt.*\$\.workload"),
        ("teacher = 7", "arms.off.teacher"),
    ],
)
def test_a_key_that_no_scenario_has_is_refused_with_its_path(tmp_path: Path, key: str, path: str) -> None:
    text = GOOD.replace("[arms.off.feedback]\nmissing_share = 1.0", f"[arms.off]\n{key}")
    folder = experiment_folder(tmp_path, text)
    with pytest.raises(InputError, match=path):
        arms_of(load_experiment(folder), folder)


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ('chance_like = "nothing"', "nothing.*run before it: on, off"),
        ('chance_like = "chance"', "chance.*run before it"),
        ("chance_like = 0.7", "0.7"),
    ],
)
def test_an_arm_takes_its_share_from_one_that_is_run_before_it(tmp_path: Path, arm: str, said: str) -> None:
    text = GOOD[: GOOD.index("[arms.elsewhere")]
    folder = experiment_folder(tmp_path, f'{text}\n[arms.chance]\nchance_like = "on"\n')
    assert [(a.name, a.chance_like) for a in arms_of(load_experiment(folder), folder)] == [
        ("on", None), ("off", None), ("chance", "on"),
    ]  # fmt: skip
    folder = experiment_folder(tmp_path, f"{text}\n[arms.chance]\n{arm}\n")
    with pytest.raises(InputError, match=f"arms.chance.chance_like.*{said}"):
        arms_of(load_experiment(folder), folder)


def test_more_runs_than_can_be_compared_are_refused_before_any_is_made(tmp_path: Path) -> None:
    arms = "\n".join(f"[arms.a{number}]" for number in range(2))
    folder = experiment_folder(tmp_path, f"{GOOD}\n{arms}")
    assert load_experiment(folder, RUNS_MAX // 5).seeds == 80
    with pytest.raises(InputError, match=f"5 arms with 81 seeds are more than {RUNS_MAX} runs.*80"):
        load_experiment(folder, 81)


def test_a_scenario_without_an_experiment_names_those_that_have_one() -> None:
    with pytest.raises(InputError, match="learning"):
        load_experiment("soak")
    with pytest.raises(ScenarioError, match="no scenario"):
        load_experiment("nothing")


def test_laying_over_keeps_what_is_not_said() -> None:
    base: dict[str, object] = {"a": {"b": 1, "c": 2}, "d": 3}
    assert laid_over(base, {"a": {"b": 9}, "e": 4}) == {"a": {"b": 9, "c": 2}, "d": 3, "e": 4}
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}


def test_the_experiment_that_comes_along_is_valid_and_its_arms_differ() -> None:
    arms = arms_of(load_experiment("learning"), "learning")
    assert [arm.name for arm in arms[:2]] == ["on", "off"]
    assert {arm.name for arm in arms} == {"on", "off", "chance", "other_project"}
    # other_project differs in what it begins with, and chance in what it takes from the runs of on.
    assert len({arm.scenario.sha256() for arm in arms}) == 2
    assert [(arm.name, arm.chance_like) for arm in arms if arm.chance_like] == [("chance", "on")]
    assert [arm.name for arm in arms if arm.teacher] == ["other_project"]
