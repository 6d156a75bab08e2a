"""``trinity experiment``: what it prints and writes, and how it refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.checks import CheckResult, read_invariants
from analysis.experiment_report import LEAK_CHECK
from simulator.cli import experiment as command
from simulator.exit_codes import ExitCode
from simulator.experiment_plan import Plan
from simulator.experiment_runs import Done, carry_out
from tests.cli.conftest import Trinity, trinity_process
from tests.simulator.experiments import GOOD, experiment_folder

TWO_ARMS = GOOD[: GOOD.index("[arms.elsewhere")]


@pytest.fixture
def short(home: Path) -> str:
    """The folder of a short scenario with an experiment of two arms."""
    (home / "short").mkdir()
    experiment_folder(home / "short", TWO_ARMS)
    return "short"


@pytest.fixture(scope="module")
def carried_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with that scenario, and its experiment carried out by a process of its own."""
    folder = tmp_path_factory.mktemp("carried-out")
    (folder / "short").mkdir()
    experiment_folder(folder / "short", TWO_ARMS)
    said = trinity_process(folder, "experiment", "short", "--json")
    assert said.code == 0, said
    (folder / "said.json").write_text(said.out)
    return folder


@pytest.fixture
def in_carried_out(carried_out: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(carried_out)
    return carried_out


def test_an_experiment_prints_its_tables_and_its_claim_and_writes_a_report(
    in_carried_out: Path, trinity: Trinity
) -> None:
    said = trinity("experiment", "short")
    assert said.code == 0, said
    sentence = json.loads((in_carried_out / "said.json").read_text())["sentence"]
    assert sentence.startswith("No claim that it learns: ")
    for text in ("Does it help to be told?", "balanced accuracy", "on", "off", sentence):
        assert text in said.out
    assert "runs/short-experiment/report.md" in said.out
    folder = in_carried_out / "runs" / "short-experiment"
    report = (folder / "report.md").read_text(encoding="utf-8")
    assert sentence in report
    assert (folder / "learning_curve.svg").is_file()


def test_another_folder_and_another_process_give_the_same_figures(
    carried_out: Path, short: str, trinity: Trinity
) -> None:
    said = trinity("experiment", short, "--out", "elsewhere", "--json")
    found, other = json.loads(said.out), json.loads((carried_out / "said.json").read_text())
    assert found.pop("experiment") == "elsewhere"
    assert other.pop("experiment") == "runs/short-experiment"
    assert found == other


def test_json_has_the_answer_of_every_query_about_an_experiment(carried_out: Path) -> None:
    found = json.loads((carried_out / "said.json").read_text())
    assert set(found) == {
        "experiment", "sentence", "notes", "broken_invariants", "arms", "claim", "difference",
        "learning_curve",
    }  # fmt: skip
    assert found["broken_invariants"] == []
    assert found["claim"][0]["is_above_zero"] == found["sentence"].startswith("It learns")
    assert [row["arm"] for row in found["arms"]] == ["on", "off"]


@pytest.mark.parametrize("name", ["short-experiment", "runs/short-experiment"])
def test_its_folder_can_be_asked_by_name_or_path(in_carried_out: Path, trinity: Trinity, name: str) -> None:
    said = trinity("sql", name, "@arms", "--json")
    assert said.code == 0, said
    whole = json.loads((in_carried_out / "said.json").read_text())
    assert json.loads(said.out) == whole["arms"]


def test_its_folder_is_asked_by_name_of_a_query_alone(in_carried_out: Path, trinity: Trinity) -> None:
    trinity("sql", "short-experiment", "select 1").refused("short-experiment", "@arms")
    trinity("sql", "short-experiment").refused("@learning_curve")
    trinity("sql", "short-experiment", "@confusion").refused("confusion", "@arms")
    (in_carried_out / "runs" / "begun" / "arms").mkdir(parents=True)
    (in_carried_out / "runs" / "begun" / "experiment.toml").write_text(TWO_ARMS)
    trinity("sql", "begun", "@arms").refused("begun", "no run is finished")


def test_a_broken_invariant_is_named_and_claims_nothing_and_is_exit_code_1(
    in_carried_out: Path, trinity: Trinity, monkeypatch: pytest.MonkeyPatch
) -> None:
    [leak] = [check for check in read_invariants() if check.name == LEAK_CHECK]
    result = CheckResult(leak.name, leak.title, "mandatory", "", False, 1, 1, (), [], None, "")
    carried_out = carry_out

    def broken(plan: Plan, told: Callable[[int, str], None], stop: Callable[[], bool]) -> list[Done] | None:
        done = carried_out(plan, told, stop)
        assert done
        return [done[0]._replace(broken=(result,)), *done[1:]]

    monkeypatch.setattr(command, "carry_out", broken)
    said = trinity("experiment", "short")
    assert said.code == ExitCode.CHECK_FAILED
    assert f"on, seed 1: {leak.title}" in said.out
    assert "an invariant does not hold" in said.out
    report = (in_carried_out / "runs" / "short-experiment" / "report.md").read_text(encoding="utf-8")
    assert "before anything was told" not in report


def test_its_tables_fit_a_hundred_columns(in_carried_out: Path, trinity: Trinity) -> None:
    said = trinity("experiment", "short")
    assert max(map(len, said.out.splitlines())) <= 100
    assert "-0 " not in said.out
    assert "e-" not in said.out.replace("-experiment", "")


def test_more_seeds_later_are_said_to_void_the_interval(home: Path, short: str, trinity: Trinity) -> None:
    assert trinity("experiment", short, "--out", "grown").code == 0
    said = trinity("experiment", short, "--out", "grown", "--seeds", "3")
    assert "(2, then 3)" in said.out
    assert "(2, then 3)" in (home / "grown" / "report.md").read_text(encoding="utf-8")


def test_records_of_ones_own_take_the_place_of_the_scenarios(
    home: Path, short: str, trinity: Trinity
) -> None:
    lines = [
        {"label": "none" if n % 4 else "flaky_test", "event": {"message": f"test_cart is flaky, run {n}"}}
        for n in range(140)
    ]
    (home / "own.jsonl").write_text("\n".join(map(json.dumps, lines)))
    said = trinity("experiment", short, "--events", "own.jsonl", "--out", "own", "--json")
    assert said.code == 0, said
    assert [row["position"] for row in json.loads(said.out)["learning_curve"]] == [100, 100]
    other = trinity("experiment", short, "--out", "own")
    other.refused("own", "other events")


def test_what_cannot_be_an_experiment_is_refused_in_one_line(
    home: Path, short: str, trinity: Trinity
) -> None:
    trinity("experiment", "soak").refused("soak", "experiment.toml", "learning")
    trinity("experiment", "nothing").refused("nothing")
    trinity("experiment", short, "--seeds", "1").refused("--seeds", "1")
    trinity("experiment", short, "--seeds", "many").refused("--seeds")
    trinity("experiment", short, "--events", "missing.jsonl").refused("missing.jsonl")
    (home / "full").mkdir()
    (home / "full" / "letter.txt").write_text("dear")
    trinity("experiment", short, "--out", "full").refused("full", "--out")
    path = home / "short" / "experiment.toml"
    path.write_text(TWO_ARMS.replace("missing_share = 1.0", "mising_share = 1.0"))
    trinity("experiment", short).refused("arms.off", "mising_share", "$.feedback")


def test_an_experiment_that_was_interrupted_says_how_it_goes_on(
    short: str, trinity: Trinity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "carry_out", lambda plan, told, stop: None)
    said = trinity("experiment", short)
    said.refused("same command", code=ExitCode.INTERRUPTED)
