import re
from pathlib import Path

import pytest

from analysis.checks import run_checks
from analysis.database import open_database
from analysis.report import write_report
from bus import bodies
from bus.errors import EnvironmentProblem
from store.run_folder import RunFolder
from tests.analysis.conftest import CHECKS
from tests.analysis.synthetic import Options, Synthetic

HEADINGS = [
    "Test Summary",
    "Success Criteria Results",
    "Performance Metrics",
    "Detection by Kind",
    "Cost Analysis",
    "Charts",
    "Incidents",
    "Recommendations",
    "Conclusion",
]


def reported(run: RunFolder) -> str:
    with open_database(run) as database:
        return write_report(run, database, run_checks(database, CHECKS)).read_text(encoding="utf-8")


def section(report: str, heading: str) -> str:
    return report.split(f"## {heading}\n")[1].split("\n## ")[0]


def test_the_report_has_the_sections_of_the_test_plan(tmp_path: Path) -> None:
    run = Synthetic(Options()).write(tmp_path / "run")
    report = reported(run)
    assert re.findall(r"^## (.+)$", report, re.MULTILINE) == HEADINGS
    assert "Status: PASSED ✓" in section(report, "Test Summary")
    assert section(report, "Success Criteria Results").count("- ✓") == 11
    assert "PASSED: 11 of 11 criteria passed after 10:00:00 of bus time." in section(report, "Conclusion")


def test_every_chart_that_the_report_shows_is_there(tmp_path: Path) -> None:
    run = Synthetic(Options()).write(tmp_path / "run")
    shown = re.findall(r"\]\((charts/[^)]+)\)", reported(run))
    assert len(shown) == 4
    assert all((run.path / name).read_text().startswith("<svg") for name in shown)


def test_a_failed_criterion_is_told_with_its_violations_and_in_the_conclusion(tmp_path: Path) -> None:
    log = Synthetic(Options())
    log.drop(log.of(bodies.TelemetryDismissed)[0])
    report = reported(log.write(tmp_path / "run"))
    assert "- ✗ 100 % event detection" in report
    assert "| 0 decisions |" in section(report, "Success Criteria Results")
    assert "FAILED: 10 of 11 criteria passed" in section(report, "Conclusion")
    assert "Not passed: 100 % event detection." in section(report, "Conclusion")


def test_a_miss_is_an_incident_and_its_figures_suggest_a_threshold(tmp_path: Path) -> None:
    report = reported(Synthetic(Options()).write(tmp_path / "run"))
    assert "| false_negative | 1 |" in section(report, "Incidents")
    assert "Try 0.65 instead of 0.7 as threshold of feature_request" in section(report, "Recommendations")


def test_nothing_is_recommended_that_the_figures_do_not_show(tmp_path: Path) -> None:
    log = Synthetic(Options(misses=()))
    for call in log.of(bodies.ModelCalled):
        log.drop(call)
    report = reported(log.write(tmp_path / "run"))
    assert "threshold" not in section(report, "Recommendations")
    assert section(report, "Incidents").strip() == "None."


def test_a_kind_that_is_often_mistaken_is_named_with_its_figures(tmp_path: Path) -> None:
    log = Synthetic(Options(misses=()))
    for found in log.of(bodies.PatternDetected):
        if getattr(found.data, "kind", "") == "duplication":
            log.change(found, kind="flaky_test")
    report = reported(log.write(tmp_path / "run"))
    wrong = "Look at what is taken for flaky_test: 4 of 8 detections on labelled telemetry are wrong"
    assert wrong in section(report, "Recommendations")


def test_a_run_without_labels_says_so(tmp_path: Path) -> None:
    report = reported(Synthetic(Options(labelled=False)).write(tmp_path / "run"))
    assert "Detection accuracy: no labels" in report
    assert "- ✗ Detection accuracy: nothing to judge" in report
    assert "No labels: accuracy, precision and recall cannot be told." in report
    assert "detection_accuracy.svg" not in report


def test_an_interrupted_run_is_reported_as_far_as_it_went(tmp_path: Path) -> None:
    log = Synthetic(Options())
    log.events = log.events[: len(log.events) // 2]
    report = reported(log.write(tmp_path / "run", close=False))
    assert "Run: unfinished" in report
    assert "FAILED" in section(report, "Conclusion")


def test_an_empty_log_can_be_reported(empty_run: RunFolder) -> None:
    report = reported(empty_run)
    assert "FAILED: 0 of 11 criteria passed" in report
    assert "The run has no numbers to draw." in report


def test_text_of_events_cannot_change_the_report(tmp_path: Path) -> None:
    hostile = "a | b\n## Conclusion\n<script>x</script> ![p](http://h/x.png) `rm` \x1b]8;; \x00 end"
    log = Synthetic(Options())
    log.change_all(bodies.TelemetryReceived, lambda event: {"message": hostile})
    report = reported(log.write(tmp_path / "run"))
    assert re.findall(r"^## (.+)$", report, re.MULTILINE) == HEADINGS
    assert "<script" not in report
    assert "](http" not in report
    assert all(character.isprintable() or character == "\n" for character in report)
    incident = next(line for line in section(report, "Incidents").splitlines() if "rm" in line)
    assert len(re.findall(r"(?<!\\)\|", incident)) == 6


def test_a_report_is_the_same_each_time(tmp_path: Path) -> None:
    log = Synthetic(Options(noise_per_event=5))
    assert reported(log.write(tmp_path / "one")) == reported(log.write(tmp_path / "two"))


def test_a_report_that_cannot_be_written_is_a_problem_of_the_environment(tmp_path: Path) -> None:
    run = Synthetic(Options(event_count=2)).write(tmp_path / "run")
    run.report.mkdir()
    with pytest.raises(EnvironmentProblem, match=r"report\.md"):
        reported(run)


def test_the_report_tells_false_alarms_and_calibration_where_there_are_labels(tmp_path: Path) -> None:
    kinds = section(reported(Synthetic(Options()).write(tmp_path / "labelled")), "Detection by Kind")
    assert "- False alarms: 0 of 19 detections, 0 a day" in kinds
    assert re.search(r"- Calibration error: 0\.\d+", kinds)
    without = reported(Synthetic(Options(labelled=False)).write(tmp_path / "unlabelled"))
    assert "Calibration error" not in without
    assert "False alarms" not in section(without, "Detection by Kind")
