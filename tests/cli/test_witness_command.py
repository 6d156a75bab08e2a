"""``trinity witness``: what people see, and how bad input is met."""

import json

import pytest

from simulator.cli import main
from tests.simulator.detection.samples import lines, write_samples


def run(capsys, *argv) -> tuple[int, str, str]:
    code = main(["witness", *map(str, argv)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_weights_that_were_trained_can_be_measured(tmp_path, capsys):
    data, out = write_samples(tmp_path), tmp_path / "my.weights"
    code, printed, _ = run(capsys, "train", "--data", data, "--group", "project", "--out", out, "--json")
    assert code == 0
    assert json.loads(printed)["record_count"] == len(lines())
    code, printed, _ = run(capsys, "evaluate", "--data", data, "--model", out, "--json")
    assert code == 0
    assert json.loads(printed)["balanced_accuracy"] > 0.9


def test_cross_validation_says_what_it_found_and_draws_it(tmp_path, capsys):
    data = write_samples(tmp_path)
    code, printed, _ = run(capsys, "evaluate", "--data", data, "--group", "project", "--pictures", tmp_path)
    assert code == 0
    for word in ("balanced accuracy", "calibration error", "cross-validated by group", "Reliability"):
        assert word in printed
    assert {path.name for path in tmp_path.glob("*.svg")} == {"confusion.svg", "reliability.svg"}


def test_the_same_question_gets_the_same_answer(tmp_path, capsys):
    data = write_samples(tmp_path)
    assert run(capsys, "evaluate", "--data", data, "--json") == run(
        capsys, "evaluate", "--data", data, "--json"
    )


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (["evaluate", "--data", "{bad}"], "bad.jsonl:2: "),
        (["evaluate", "--data", "{absent}"], "absent:1: cannot read it"),
        (["evaluate", "--data", "{data}", "--model", "{absent}"], "absent: cannot read it"),
        (["evaluate", "--data", "{data}", "--model", "{bad}"], "holds no weights"),
        (["evaluate", "--data", "{data}", "--group", "nothing"], "name 1 groups"),
        (["evaluate", "--data", "{data}", "--group", "project", "--model", "{bad}"], "give one of them"),
        (["evaluate", "--data", "{data}", "--sources", "{bad}"], "give both"),
        (["evaluate", "--data", "{data}", "--scenario", "nosuch"], "no scenario is called 'nosuch'"),
        (["train", "--data", "{data}", "--out", "{absent}/x"], "there is no folder"),
        (["train", "--data", "{data}", "--out", "{out}", "--sources", "{bad}"], "no record is left"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, capsys, argv, problem):
    (tmp_path / "bad.jsonl").write_text(json.dumps(lines()[0]) + "\n{\n")
    places = {
        "bad": tmp_path / "bad.jsonl",
        "absent": tmp_path / "absent",
        "data": write_samples(tmp_path),
        "out": tmp_path / "out",
    }
    code, _, err = run(capsys, *(word.format(**places) for word in argv))
    assert code == 2
    assert problem in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_damaged_weights_are_exit_code_5(tmp_path, capsys):
    data, out = write_samples(tmp_path), tmp_path / "my.weights"
    run(capsys, "train", "--data", data, "--out", out)
    out.write_text(out.read_text().replace(",1", ",2", 1))
    code, _, err = run(capsys, "evaluate", "--data", data, "--model", out)
    assert code == 5
    assert "is damaged" in err


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_help_has_examples(capsys, command):
    _, printed, _ = run(capsys, command, "--help")
    assert "Examples:" in printed
