from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.checks import CheckResult, read_checks, run_checks
from analysis.database import open_database
from bus import bodies
from bus.bodies import QueueDepth
from store.run_folder import RunFolder
from tests.analysis.conftest import CHECKS
from tests.analysis.synthetic import QUEUES, START_NS, Options, S, Synthetic

Sabotage = Callable[[Synthetic], None]


def add_crash(log: Synthetic) -> None:
    log.append(log.events[-1].time_ns, "sequencer", bodies.AgentCrashed("witness", "exit code 1"))


def silence_an_agent(log: Synthetic) -> None:
    beats = [beat for beat in log.of(bodies.AgentHeartbeat) if getattr(beat.data, "agent", "") == "witness"]
    log.drop(*beats[10:16])


def take_all_heartbeats_of_an_agent(log: Synthetic) -> None:
    log.drop(
        *(beat for beat in log.of(bodies.AgentHeartbeat) if getattr(beat.data, "agent", "") == "executor")
    )


def lose_an_end(log: Synthetic) -> None:
    log.drop(log.of(bodies.AgentStopped)[0])


def exit_with_an_error(log: Synthetic) -> None:
    log.change(log.of(bodies.ProcessExited)[1], exit_code=-9)


def fail_the_run(log: Synthetic) -> None:
    log.change(log.of(bodies.RunFinished)[0], status="failed", reason="disk full")


def lose_a_dismissal(log: Synthetic) -> None:
    log.drop(log.of(bodies.TelemetryDismissed)[3])


def decide_twice(log: Synthetic) -> None:
    telemetry = log.of(bodies.TelemetryReceived)[2]
    log.append(log.events[-1].time_ns, "witness", bodies.TelemetryDismissed("none", 0.9, 0.0), telemetry)


def decide_about_nothing(log: Synthetic) -> None:
    cause = log.of(bodies.RunStarted)[0]
    log.append(log.events[-1].time_ns, "witness", bodies.TelemetryDismissed("none", 0.9, 0.0), cause)


def forget_a_pattern(log: Synthetic) -> None:
    log.change(log.of(bodies.StateRebuilt)[0], pattern_count=7)


def rebuild_another_state(log: Synthetic) -> None:
    log.change(log.of(bodies.StateRebuilt)[0], state_sha256="cd" * 32)


def rebuild_another_state_of_an_agent_without_patterns(log: Synthetic) -> None:
    log.change(log.of(bodies.StateRebuilt)[2], state_sha256="cd" * 32)


def do_not_rebuild(log: Synthetic) -> None:
    log.drop(log.of(bodies.StateRebuilt)[0])


def lose_a_prompt(log: Synthetic) -> None:
    log.change(log.of(bodies.ModelCalled)[5], prompt_sha256="")


def lose_tokens(log: Synthetic) -> None:
    log.change(log.of(bodies.ModelCalled)[5], input_tokens=0, output_tokens=0)


def charge_for_a_local_call(log: Synthetic) -> None:
    log.change(log.of(bodies.ModelCalled)[1], cost_nanousd=1, reserved_nanousd=1)


def give_a_cloud_call_away(log: Synthetic) -> None:
    cloud = next(call for call in log.of(bodies.ModelCalled) if getattr(call.data, "tier", "") == "cloud")
    log.change(cloud, cost_nanousd=0)


def exceed_a_reservation(log: Synthetic) -> None:
    cloud = next(call for call in log.of(bodies.ModelCalled) if getattr(call.data, "tier", "") == "cloud")
    log.change(cloud, reserved_nanousd=1)


def lose_a_planning_call(log: Synthetic) -> None:
    log.drop(next(c for c in log.of(bodies.ModelCalled) if getattr(c.data, "operation_name", "") == "plan"))


def lose_the_first_call_of_two(log: Synthetic) -> None:
    log.drop(
        next(c for c in log.of(bodies.ModelCalled) if getattr(c.data, "operation_name", "") == "delegate")
    )


def lose_all_calls_of_an_outcome(log: Synthetic) -> None:
    done = log.of(bodies.TaskCompleted)[0]
    log.drop(*(call for call in log.of(bodies.ModelCalled) if call.commit_seq == done.commit_seq))


def misstate_the_ledger(log: Synthetic) -> None:
    log.change(log.of(bodies.BudgetThresholdCrossed)[0], spent_nanousd=1)


def lose_a_threshold(log: Synthetic) -> None:
    log.drop(log.of(bodies.BudgetThresholdCrossed)[0])


def use_much_memory_once(log: Synthetic) -> None:
    log.change(log.of(bodies.ProcessSampled)[20], rss_bytes=400_000_000)


def never_sample_a_process(log: Synthetic) -> None:
    log.observe(START_NS, bodies.ProcessStarted("sequencer", 4711))


def let_a_queue_grow(log: Synthetic) -> None:
    """To 51 pending, which are all handled in the end."""
    receipts = log.of(bodies.DeliveryAcknowledged)
    receipts = [r for r in receipts if getattr(r.data, "queue", "") == "telemetry_stream"][:51]
    log.drop(*receipts)
    end = log.events.pop()
    log.events += [*receipts, end]
    log.recount_queues()


def let_a_queue_grow_and_sample_too_early(log: Synthetic) -> None:
    """The samples know nothing of what is pending; the events do."""
    let_a_queue_grow(log)
    log.change_all(
        bodies.MetricsSampled, lambda event: {"queue_depths": [QueueDepth(q, 0, 1) for q in QUEUES]}
    )


def never_sample_a_queue(log: Synthetic) -> None:
    log.change_all(
        bodies.MetricsSampled, lambda event: {"queue_depths": [QueueDepth(q, 0, 1) for q in QUEUES[1:]]}
    )


def leave_a_delivery_pending(log: Synthetic) -> None:
    log.drop(log.of(bodies.DeliveryAcknowledged)[-1])


def swap_labels(log: Synthetic) -> None:
    for truth in log.of(bodies.TruthLabelled)[:12]:
        log.change(truth, label="duplication" if getattr(truth.data, "label", "") == "none" else "none")


def decide_late(log: Synthetic) -> None:
    last = next(event for event in reversed(log.events) if isinstance(event.data, bodies.PatternDetected))
    log.move(last, time_ns=last.time_ns + 200 * S)


def doubt(log: Synthetic) -> None:
    log.change_all(bodies.PatternDetected, lambda event: {"confidence": 0.7 + event.seq / 10**5})


def unlearn(log: Synthetic) -> None:
    log.change_all(bodies.PatternLearned, lambda event: {"confidence_before": 0.85, "confidence_after": 0.8})


def stay_as_sure_as_before(log: Synthetic) -> None:
    log.change_all(bodies.PatternLearned, lambda event: {"confidence_before": 0.9, "confidence_after": 0.9})


def forget_between_lessons(log: Synthetic) -> None:
    """Each lesson makes a pattern surer, and before the next one more than that is lost."""
    for number, lesson in enumerate(log.of(bodies.PatternLearned)):
        before = 0.9 - number / 50
        log.change(lesson, pattern_id="one", confidence_before=before, confidence_after=before + 0.01)


def call_the_cloud(log: Synthetic) -> None:
    log.change_all(
        bodies.ModelCalled, lambda event: {"tier": "cloud", "cost_nanousd": 1, "reserved_nanousd": 1}
    )


# The name of the check, and a way to break the fact that it is about.
SABOTAGES: list[tuple[str, Sabotage]] = [
    ("01_zero_crashes", add_crash),
    ("01_zero_crashes", silence_an_agent),
    ("01_zero_crashes", take_all_heartbeats_of_an_agent),
    ("01_zero_crashes", lose_an_end),
    ("01_zero_crashes", exit_with_an_error),
    ("01_zero_crashes", fail_the_run),
    ("02_event_detection", lose_a_dismissal),
    ("02_event_detection", decide_twice),
    ("02_event_detection", decide_about_nothing),
    ("03_pattern_persistence", forget_a_pattern),
    ("03_pattern_persistence", rebuild_another_state),
    ("03_pattern_persistence", rebuild_another_state_of_an_agent_without_patterns),
    ("03_pattern_persistence", do_not_rebuild),
    ("04_cost_tracking", lose_a_prompt),
    ("04_cost_tracking", lose_tokens),
    ("04_cost_tracking", charge_for_a_local_call),
    ("04_cost_tracking", give_a_cloud_call_away),
    ("04_cost_tracking", exceed_a_reservation),
    ("04_cost_tracking", lose_a_planning_call),
    ("04_cost_tracking", lose_the_first_call_of_two),
    ("04_cost_tracking", lose_all_calls_of_an_outcome),
    ("04_cost_tracking", misstate_the_ledger),
    ("04_cost_tracking", lose_a_threshold),
    ("05_memory_stability", use_much_memory_once),
    ("05_memory_stability", never_sample_a_process),
    ("06_queue_health", let_a_queue_grow),
    ("06_queue_health", let_a_queue_grow_and_sample_too_early),
    ("06_queue_health", never_sample_a_queue),
    ("06_queue_health", leave_a_delivery_pending),
    ("07_detection_accuracy", swap_labels),
    ("08_detection_latency", decide_late),
    ("09_pattern_confidence", doubt),
    ("10_cost_efficiency", call_the_cloud),
    ("11_learning_improvement", unlearn),
    ("11_learning_improvement", stay_as_sure_as_before),
    ("11_learning_improvement", forget_between_lessons),
]
# What is judged, taken away.
POPULATIONS: dict[str, tuple[type[bodies.Body], ...]] = {
    "01_zero_crashes": (bodies.AgentStarted,),
    "02_event_detection": (bodies.TelemetryReceived, bodies.PatternDetected, bodies.TelemetryDismissed),
    "03_pattern_persistence": (bodies.AgentStopped,),
    "04_cost_tracking": (bodies.ModelCalled, bodies.TaskCreated, bodies.TaskCompleted),
    "05_memory_stability": (bodies.ProcessSampled, bodies.ProcessStarted),
    "06_queue_health": (
        bodies.TelemetryReceived,
        bodies.PatternDetected,
        bodies.TaskCreated,
        bodies.FeedbackGiven,
        bodies.DeliveryAcknowledged,
    ),
    "07_detection_accuracy": (bodies.TruthLabelled,),
    "08_detection_latency": (bodies.PatternDetected, bodies.TelemetryDismissed),
    "09_pattern_confidence": (bodies.PatternDetected,),
    "10_cost_efficiency": (bodies.ModelCalled,),
    "11_learning_improvement": (bodies.PatternLearned,),
}
# A budget so small that thresholds are crossed, so that the ledger can be judged.
OPTIONS = Options(noise_per_event=3, budget_nanousd=400_000_000)


def judged(run: RunFolder) -> dict[str, CheckResult]:
    with open_database(run) as database:
        return {result.name: result for result in run_checks(database, CHECKS).checks}


@pytest.mark.parametrize("options", [Options(noise_per_event=3), OPTIONS], ids=["ample", "tight"])
def test_every_check_passes_on_a_good_run(tmp_path: Path, options: Options) -> None:
    results = judged(Synthetic(options).write(tmp_path / "run"))
    assert [name for name, result in results.items() if not result.passed] == []
    assert sorted(results) == sorted(POPULATIONS)


@pytest.mark.parametrize(("name", "sabotage"), SABOTAGES, ids=lambda value: getattr(value, "__name__", value))
def test_a_check_fails_when_its_fact_is_broken(tmp_path: Path, name: str, sabotage: Sabotage) -> None:
    log = Synthetic(OPTIONS)
    sabotage(log)
    assert not judged(log.write(tmp_path / "run"))[name].passed


def test_every_check_has_a_sabotage() -> None:
    assert (
        {name for name, _ in SABOTAGES} == {check.name for check in read_checks(CHECKS)} == set(POPULATIONS)
    )


@pytest.mark.parametrize("name", sorted(POPULATIONS))
def test_a_check_with_nothing_to_judge_fails(tmp_path: Path, name: str) -> None:
    log = Synthetic(Options())
    for body in POPULATIONS[name]:
        log.drop(*log.of(body))
    result = judged(log.write(tmp_path / "run"))[name]
    assert (result.population, result.passed, result.finding) == (0, False, "nothing to judge")


def test_an_empty_log_passes_no_check(empty_run: RunFolder) -> None:
    assert [name for name, result in judged(empty_run).items() if result.passed] == []


def test_an_interrupted_run_did_not_crash(tmp_path: Path) -> None:
    log = Synthetic(Options())
    log.drop(*log.of(bodies.AgentStopped))
    log.change(log.of(bodies.RunFinished)[0], status="interrupted")
    assert judged(log.write(tmp_path / "run"))["01_zero_crashes"].passed


@pytest.mark.parametrize("sabotage", [add_crash, silence_an_agent, exit_with_an_error])
def test_whatever_went_down_or_silent_is_counted_as_a_crash(tmp_path: Path, sabotage: Sabotage) -> None:
    log = Synthetic(Options())
    sabotage(log)
    result = judged(log.write(tmp_path / "run"))["01_zero_crashes"]
    assert (result.violation_count, result.finding) == (1, "1 crashes detected, 3 agents")


def test_a_run_without_an_end_is_told_without_a_reason(tmp_path: Path) -> None:
    log = Synthetic(Options())
    log.drop(*log.of(bodies.RunFinished))
    result = judged(log.write(tmp_path / "run"))["01_zero_crashes"]
    assert [row[2] for row in result.violations] == ["the run ended as unfinished"]


def test_the_ledger_counts_the_calls_up_to_the_one_that_crossed(tmp_path: Path) -> None:
    """Two thresholds that one call crosses carry the same sum."""
    log = Synthetic(Options(budget_nanousd=100_000_000))
    assert len(log.of(bodies.BudgetThresholdCrossed)) == 4
    assert judged(log.write(tmp_path / "run"))["04_cost_tracking"].passed


def test_a_change_in_what_is_seen_is_not_learning(tmp_path: Path) -> None:
    """Sure patterns come late, and none became surer."""
    log = Synthetic(Options(misses=()))
    lessons = log.of(bodies.PatternLearned)
    for index, lesson in enumerate(lessons):
        name, sure = ("late", 0.95) if index >= len(lessons) // 2 else ("early", 0.8)
        log.change(lesson, pattern_id=name, confidence_before=sure, confidence_after=sure)
    result = judged(log.write(tmp_path / "run"))["11_learning_improvement"]
    assert result.value == pytest.approx(0)
    assert not result.passed


def test_each_pattern_counts_once_from_before_its_first_lesson_to_after_its_last(tmp_path: Path) -> None:
    log = Synthetic(Options(misses=()))
    first, *others, last = log.of(bodies.PatternLearned)
    log.drop(*others[1:])
    log.change(first, pattern_id="often", confidence_before=0.2, confidence_after=0.9)
    log.change(others[0], pattern_id="once", confidence_before=0.5, confidence_after=0.6)
    log.change(last, pattern_id="often", confidence_before=0.1, confidence_after=0.5)
    result = judged(log.write(tmp_path / "run"))["11_learning_improvement"]
    assert (result.population, result.finding) == (3, "+0.2000 on average of 2 patterns")


def test_all_violations_are_counted_and_only_some_are_kept(tmp_path: Path) -> None:
    log = Synthetic(Options(noise_per_event=3))
    log.drop(*log.of(bodies.TelemetryDismissed))
    result = judged(log.write(tmp_path / "run"))["02_event_detection"]
    assert result.violation_count == 61
    assert len(result.violations) == 20
