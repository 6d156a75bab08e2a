from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.database import open_database
from bus import bodies
from tests.analysis.synthetic import HOUR, START_NS, Options, S, Synthetic
from tests.analysis.test_checks import let_a_queue_grow, silence_an_agent

MB = 1_000_000


def crash(log: Synthetic) -> None:
    log.append(log.events[-1].time_ns, "sequencer", bodies.AgentCrashed("witness", "exit code 1"))


def grow_in_the_third_hour(log: Synthetic) -> None:
    for sample in log.of(bodies.ProcessSampled):
        if sample.time_ns >= START_NS + 2 * HOUR:
            log.change(sample, rss_bytes=75 * MB)


def miss_much(log: Synthetic) -> None:
    """Three of the first ten."""
    for found in log.of(bodies.PatternDetected)[3:6]:
        log.move(found, type="telemetry.dismissed", data=bodies.TelemetryDismissed("duplication", 0.5, 0.7))


def spend_fast(log: Synthetic) -> None:
    cloud = [c for c in log.of(bodies.ModelCalled) if getattr(c.data, "tier", "") == "cloud"][1]
    log.change(cloud, cost_nanousd=510_000_000, reserved_nanousd=600_000_000)


def fail(log: Synthetic) -> None:
    log.change(log.of(bodies.RunFinished)[0], status="failed", reason="disk full")


def answer_slowly(log: Synthetic) -> None:
    log.change(log.of(bodies.ModelCalled)[0], latency_ns=31 * S)


def time_out(log: Synthetic) -> None:
    log.change(log.of(bodies.ModelCalled)[0], status="timeout")


def reach_a_limit(log: Synthetic) -> None:
    log.append(
        log.events[-1].time_ns, "sequencer", bodies.LimitReached("queue_depth_max", "execution_queue", 10)
    )


def cross(log: Synthetic) -> None:
    log.append(log.events[-1].time_ns, "sequencer", bodies.BudgetThresholdCrossed(100, 11 * S, 11 * S))


@pytest.mark.parametrize(
    ("cause", "alert", "subject", "level"),
    [
        (crash, "agent_crash", "witness", "error"),
        (silence_an_agent, "agent_crash", "witness", "error"),
        (grow_in_the_third_hour, "memory_leak", "all processes", "warning"),
        (let_a_queue_grow, "queue_backlog", "telemetry_stream", "warning"),
        (miss_much, "detection_failure", "witness", "error"),
        (spend_fast, "cost_spike", "all agents", "warning"),
        (fail, "storage_error", "disk full", "error"),
        (answer_slowly, "model_timeout", "gpt-5", "error"),
        (time_out, "model_timeout", "gpt-5", "error"),
        (reach_a_limit, "limit_reached", "queue_depth_max of execution_queue", "warning"),
        (cross, "budget", "all agents", "error"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_each_cause_raises_its_alert_once_and_no_other(
    tmp_path: Path, cause: Callable[[Synthetic], None], alert: str, subject: str, level: str
) -> None:
    log = Synthetic(Options(noise_per_event=3))
    cause(log)
    with open_database(log.write(tmp_path / "run")) as database:
        rows = database.named("alerts").records()
        assert [(row["alert"], row["subject"], row["level"]) for row in rows] == [(alert, subject, level)]
        assert database.query("select count(*) from incidents where incident = '" + alert + "'").rows == [
            (1,)
        ]


def test_a_good_run_raises_no_alert(tmp_path: Path) -> None:
    with open_database(Synthetic(Options()).write(tmp_path / "run")) as database:
        assert database.named("alerts").rows == []


def test_the_budget_warns_at_each_threshold(tmp_path: Path) -> None:
    log = Synthetic(Options(budget_nanousd=250_000_000))
    with open_database(log.write(tmp_path / "run")) as database:
        rows = database.named("alerts").records()
    assert [(row["level"], row["limit_value"]) for row in rows] == [
        ("warning", 0.125),
        ("warning", 0.1875),
        ("warning", 0.225),
    ]


def test_money_spent_more_than_an_hour_apart_is_no_spike(tmp_path: Path) -> None:
    """Each call costs 0.49 USD; the calls are two and a half hours apart."""
    log = Synthetic(Options())
    for call in log.of(bodies.ModelCalled):
        if getattr(call.data, "tier", "") == "cloud":
            log.change(call, cost_nanousd=490_000_000, reserved_nanousd=500_000_000)
    with open_database(log.write(tmp_path / "run")) as database:
        assert database.named("alerts").rows == []
