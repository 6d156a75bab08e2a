"""What ``trinity what-if`` cannot answer is said in one line."""

from pathlib import Path

import pytest

from bus.errors import InputError
from simulator.errors import ScenarioError
from simulator.options import Options, resolve
from simulator.scenario_file import load_scenario
from simulator.what_if import what_if, with_settings
from store.run_folder import RunFolder
from tests.simulator.builders import record
from tests.simulator.replay_logs import Lines, body, changed, cut_behind


def asked(run: RunFolder, *changes: str) -> None:
    what_if(run, changes, lambda count: None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ((), ("nothing is changed", "--set witness.threshold.")),
        (("witness.threshold.flaky_test",), ("'witness.threshold.flaky_test'", "no '='")),
        (("witness.threshold.flaky_tests=0.5",), ("'witness.threshold.flaky_tests'", "feature_request")),
        (("budget.total_usd=5",), ("'budget.total_usd'", "witness.threshold.critical_error")),
        (("=0.5",), ("no key ''",)),
        (("witness.threshold.flaky_test=",), ("'' is not a number", "0.65")),
        (("witness.threshold.flaky_test=65%",), ("'65%' is not a number",)),
        (("witness.threshold.flaky_test=0.5", "witness.thresholds.flaky_test=0.6"), ("a second time",)),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(changes: tuple[str, ...], words: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        with_settings(load_scenario("soak"), changes)
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize("value", ["1", "-0.1", "65", "nan", "inf", "1e999"])
def test_a_threshold_out_of_range_is_named_with_its_key(value: str) -> None:
    with pytest.raises(ScenarioError, match=r"flaky_test.*from 0 to below 1"):
        with_settings(load_scenario("soak"), [f"witness.threshold.flaky_test={value}"])


def test_a_run_that_was_cut_is_sent_to_resume(tmp_path: Path) -> None:
    cut = cut_behind("v2-soak", tmp_path, 60)
    with pytest.raises(InputError, match=r"not finished.*trinity resume"):
        asked(cut, "witness.threshold.flaky_test=0.5")


@pytest.mark.parametrize(
    ("status", "words"), [("failed", "failed before"), ("interrupted", "trinity resume")]
)
def test_a_run_that_did_not_come_to_its_end_is_refused(tmp_path: Path, status: str, words: str) -> None:
    def ended(lines: Lines) -> Lines:
        body(lines[-1])["status"] = status
        return lines

    copy = changed("v2-soak", tmp_path, ended)
    with pytest.raises(InputError, match=words):
        asked(copy, "witness.threshold.flaky_test=0.5")


def test_a_run_without_labels_is_refused_with_where_labels_come_from(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text('{"event": {"message": "test_checkout is flaky: failed 3 of 9 runs"}}\n')
    of = resolve(load_scenario("soak"), Options(events=file))
    record(of, tmp_path / "run")
    with pytest.raises(InputError, match=r"none of its telemetry has a label.*--events"):
        asked(RunFolder(tmp_path / "run"), "witness.threshold.flaky_test=0.5")
