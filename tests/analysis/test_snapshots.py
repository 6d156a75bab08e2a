import json
from pathlib import Path

import pytest

from analysis.database import open_database
from analysis.snapshots import write_logs, write_snapshots
from bus import bodies
from bus.errors import EnvironmentProblem
from store.run_folder import RunFolder
from tests.analysis.synthetic import Options, Synthetic


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A day of 48 events with its snapshots and logs."""
    run = Synthetic(Options(event_count=48)).write(tmp_path_factory.mktemp("runs") / "day")
    with open_database(run) as database:
        assert write_snapshots(run, database) == 24 + 24 + 288
        write_logs(run, database)
    return run


def test_a_day_has_hourly_snapshots_and_metrics_every_five_minutes(day: RunFolder) -> None:
    costs = [path.name for path in sorted(day.costs.iterdir())]
    assert costs == [f"cost_snapshot_{hour:02d}0000.json" for hour in range(24)]
    assert len(list(day.patterns.iterdir())) == 24
    metrics = sorted(path.name for path in day.metrics.iterdir())
    assert (len(metrics), metrics[1], metrics[-1]) == (
        288,
        "system_metrics_000500.json",
        "system_metrics_235500.json",
    )


def test_a_cost_snapshot_has_the_format_of_the_test_plan(day: RunFolder) -> None:
    assert json.loads((day.costs / "cost_snapshot_120000.json").read_text()) == {
        "timestamp": "2025-10-01T12:00:00Z",
        "elapsed_hours": 12.0,
        "summary": {
            "total_cost_usd": 0.3,
            "total_calls": 69,
            "success_rate": 1.0,
            "by_agent": {"ARCHITECT": 0.3, "EXECUTOR": 0.0, "WITNESS": 0.0},
        },
    }


def test_a_pattern_snapshot_has_the_format_of_the_test_plan(day: RunFolder) -> None:
    snapshot = json.loads((day.patterns / "pattern_stats_120000.json").read_text())
    assert list(snapshot) == ["timestamp", "elapsed_hours", "detections", "learning"]
    assert list(snapshot["detections"]) == ["total", "by_type", "average_confidence"]
    assert snapshot["detections"]["total"] == sum(snapshot["detections"]["by_type"].values()) == 23
    assert list(snapshot["learning"]) == ["total_patterns", "new_patterns_this_hour", "confidence_trend"]
    assert snapshot["learning"]["confidence_trend"] > 0


def test_new_patterns_add_up_to_all_patterns(day: RunFolder) -> None:
    learning = [json.loads(path.read_text())["learning"] for path in sorted(day.patterns.iterdir())]
    assert sum(entry["new_patterns_this_hour"] for entry in learning) == learning[-1]["total_patterns"] > 0


def test_system_metrics_have_the_format_of_the_test_plan(day: RunFolder) -> None:
    assert json.loads((day.metrics / "system_metrics_000500.json").read_text()) == {
        "timestamp": "2025-10-01T00:05:00Z",
        "cpu_percent": 30.0,
        "memory_mb": 180.0,
        "disk_read_mb": 0.0,
        "disk_write_mb": 0.9,
        "queues": {"execution_queue": 0, "feedback_queue": 0, "improvement_queue": 0, "telemetry_stream": 0},
    }


def test_machine_figures_are_null_where_nobody_sampled(tmp_path: Path) -> None:
    log = Synthetic(Options(event_count=2))
    log.observations.clear()
    run = log.write(tmp_path / "run")
    with open_database(run) as database:
        write_snapshots(run, database)
    snapshot = json.loads((run.metrics / "system_metrics_000000.json").read_text())
    assert (snapshot["cpu_percent"], snapshot["memory_mb"]) == (None, None)


def test_an_interrupted_run_has_the_snapshots_that_it_reached(tmp_path: Path) -> None:
    log = Synthetic(Options(event_count=48))
    log.events = log.events[: len(log.events) // 4]
    run = log.write(tmp_path / "run", close=False)
    with open_database(run) as database:
        write_snapshots(run, database)
        reached = database.record("run_summary")["elapsed_hours"]
    assert isinstance(reached, float)
    assert len(list(run.costs.iterdir())) == int(reached) + 1


def test_trinity_log_is_json_lines_with_the_story(day: RunFolder) -> None:
    lines = [json.loads(line) for line in day.trinity_log.read_text().splitlines()]
    assert [line["seq"] for line in lines] == sorted(line["seq"] for line in lines)
    assert {line["level"] for line in lines} == {"INFO"}
    detected = next(line for line in lines if line["event"] == "pattern.detected")
    assert detected["data"]["kind"] == "critical_error"
    assert detected["timestamp"] == "2025-10-01T00:01:00.500000Z"
    call = next(line for line in lines if line["event"] == "model.called")
    assert call["processing_ms"] == 2000.0


def test_alerts_log_has_a_line_for_each_alert(tmp_path: Path) -> None:
    log = Synthetic(Options(event_count=2))
    log.append(log.events[-1].time_ns, "sequencer", bodies.AgentCrashed("witness", "gone"))
    run = log.write(tmp_path / "run")
    with open_database(run) as database:
        write_logs(run, database)
    alerts = [json.loads(line) for line in run.alerts_log.read_text().splitlines()]
    assert [(alert["alert"], alert["subject"]) for alert in alerts] == [("agent_crash", "witness")]


def test_snapshots_that_cannot_be_written_are_a_problem_of_the_environment(tmp_path: Path) -> None:
    run = Synthetic(Options(event_count=2)).write(tmp_path / "run")
    run.costs.rmdir()
    run.costs.write_text("in the way")
    with open_database(run) as database, pytest.raises(EnvironmentProblem, match="costs"):
        write_snapshots(run, database)
