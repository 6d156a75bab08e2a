"""``trinity what-if``: what people and programs see, and what is refused."""

import json
import shutil
from pathlib import Path

import pytest

from simulator.exit_codes import ExitCode
from simulator.what_if_figures import CHANGES_KEPT_MAX, LESSONS_NOTE
from store.run_folder import RunFolder
from tests.cli.conftest import Trinity, tree
from tests.simulator.replay_logs import body, lines_of, written

HIGHER = ("--set", "witness.threshold.feature_request=0.99", "--set", "witness.threshold.flaky_test=0.99")
OFF = "\x1b[2J\u202e"
"""Clears a terminal and turns text round."""


def test_before_and_after_are_told_to_people(in_soaked: Path, trinity: Trinity) -> None:
    said = trinity("what-if", "latest", *HIGHER)
    assert (said.code, said.err) == (0, "")
    for text in (
        "feature_request 0.7 → 0.99, flaky_test 0.75 → 0.99",
        "came out as recorded",
        LESSONS_NOTE,
        "false alarms a day",
        "accuracy on",
        "(estimate)",
        "By kind",
        "hanged records",
        "flaky_test → none",
        "trinity sql runs/soak-seed1 @chain --chain",
    ):
        assert text in said.out, text
    assert "without a label" not in said.out


def test_programs_get_one_object_with_the_same_figures(in_soaked: Path, trinity: Trinity) -> None:
    said = trinity("what-if", "latest", *HIGHER, "--json")
    found = json.loads(said.out)
    assert (said.code, said.err, said.out.count("\n")) == (0, "", 1)
    assert found["run"] == "runs/soak-seed1"
    lost_count = sum(kind["lost"]["detection_count"] for kind in found["kinds"])
    assert found["changed_count"] == lost_count > 0
    assert len(found["changes"]) == min(lost_count, CHANGES_KEPT_MAX)
    assert found["after"]["detections"]["detection_count"] + lost_count == len(
        [line for line in lines_of(RunFolder(in_soaked)) if line["type"] == "pattern.detected"]
    )
    assert found["cost_change_nanousd"] < 0
    assert found["note"] == LESSONS_NOTE


def test_a_change_without_effect_is_said_to_have_none(in_soaked: Path, trinity: Trinity) -> None:
    said = trinity("what-if", "latest", "--set", "witness.threshold.flaky_test=0.75")
    assert said.code == 0
    assert "the thresholds as they were" in said.out
    assert "Nothing would have changed." in said.out


def test_what_a_message_holds_cannot_steer_a_terminal(home: Path, trinity: Trinity) -> None:
    message = f"{OFF}test_checkout is flaky: failed 3 of 9 runs, passed on retry"
    record = {"label": "flaky_test", "event": {"message": message, "test_name": "test_checkout"}}
    (home / "mine.jsonl").write_text(json.dumps(record) + "\n")
    trinity("run", "soak", "--events", "mine.jsonl", "--transport", "inproc", "--out", "mine")
    said = trinity("what-if", "mine", "--set", "witness.threshold.flaky_test=0.999")
    assert said.code == 0
    assert "test_checkout is flaky" in said.out
    assert not set(OFF[0] + OFF[-1]) & set(said.out)


def test_a_run_that_is_decided_otherwise_today_is_a_divergence(
    in_soaked: Path, tmp_path: Path, trinity: Trinity
) -> None:
    """Tampered with by somebody who can compute CRCs."""
    copy = RunFolder(tmp_path / "copy")
    shutil.copytree(in_soaked, copy.path)
    lines = lines_of(copy)
    body(next(line for line in lines if line["type"] == "pattern.detected"))["confidence"] = 0.9123
    written(copy, lines)
    for json_option in ((), ("--json",)):
        said = trinity("what-if", str(copy.path), *HIGHER, *json_option)
        said.refused("data.confidence is 0.9123 on the log", "--verify", code=ExitCode.DIVERGED)
        assert said.out == ""


@pytest.mark.parametrize(
    ("args", "mentioned"),
    [
        ((), ("--set", "witness.threshold.feature_request=0.65")),
        (("--set", "witness.threshold.flaky_test"), ("'witness.threshold.flaky_test'", "no '='")),
        (("--set", "witness.treshold.flaky_test=0.5"), ("'witness.treshold.flaky_test'", "there are")),
        (("--set", "witness.threshold.flaky_test=1.5"), ("1.5", "from 0 to below 1")),
        (("--set", "witness.threshold.flaky_test=x"), ("'x'", "0.65")),
        (("--set",), ("--set",)),
        (("--unset", "x=1"), ("--unset",)),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(
    args: tuple[str, ...], mentioned: tuple[str, ...], in_soaked: Path, trinity: Trinity
) -> None:
    before = tree(in_soaked)
    said = trinity("what-if", "latest", *args)
    said.refused(*mentioned)
    assert said.out == ""
    assert tree(in_soaked) == before


def test_a_run_that_is_not_there_is_refused(home: Path, trinity: Trinity) -> None:
    trinity("what-if", "nothing", *HIGHER).refused("'nothing'")


def test_help_teaches_by_example_and_says_what_is_not_guessed(trinity: Trinity) -> None:
    said = trinity("what-if", "--help")
    examples = said.out.partition("Examples:")[2]
    assert "trinity what-if latest --set witness.threshold.feature_request=0.65" in examples
    assert "is not guessed" in " ".join(said.out.split())
