"""A small run whose log and report are kept: nothing of what a run says changes unnoticed."""

import json
from difflib import unified_diff
from pathlib import Path

import pytest

from tests.golden.renew import FOLDER, LOG, REPORT, UNSTABLE, log_of, masked_report_of, run_into

RENEW = "if the change is wanted: python -m tests.golden.renew"
DIFFERENCES_SHOWN_MAX = 20


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_into(tmp_path_factory.mktemp("golden"))


def differences(expected: str, found: str) -> str:
    lines = unified_diff(expected.splitlines(), found.splitlines(), "kept", "found", n=0, lineterm="")
    return "\n".join(line[:300] for line, _ in zip(lines, range(DIFFERENCES_SHOWN_MAX), strict=False))


def test_the_log_is_the_one_that_was_kept_byte_by_byte(run: Path) -> None:
    expected, found = LOG.read_bytes(), log_of(run)
    assert found == expected, f"{RENEW}\n{differences(expected.decode(), found.decode())}"


def test_the_report_is_the_one_that_was_kept_but_for_what_a_machine_measures(run: Path) -> None:
    expected, found = REPORT.read_text(encoding="utf-8"), masked_report_of(run)
    assert found == expected, f"{RENEW}\n{differences(expected, found)}"


def test_only_a_measured_line_of_the_report_is_masked(run: Path) -> None:
    text = (run / "report.md").read_text(encoding="utf-8")
    assert sum(len(pattern.findall(text)) for pattern, _ in UNSTABLE) == 1
    masked = masked_report_of(run)
    assert len(differences(text, masked).splitlines()) == 5
    assert text.count("\n") == masked.count("\n")


def test_the_kept_log_is_a_whole_run_with_every_step_of_the_chain() -> None:
    events = [json.loads(line) for line in LOG.read_bytes().splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    types = {event["type"] for event in events}
    assert types >= {
        "run.started",
        "telemetry.received",
        "truth.labelled",
        "pattern.detected",
        "task.created",
        "model.called",
        "task.completed",
        "feedback.given",
        "pattern.learned",
        "agent.stopped",
        "run.finished",
    }
    assert {path.name for path in FOLDER.iterdir()} == {LOG.name, REPORT.name}
