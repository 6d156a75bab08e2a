"""The checks of the scenario chaos pass on a run that put all right, and each fails on one that did not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.checks import run_checks
from analysis.database import open_database
from bus import bodies
from store.run_folder import RunFolder
from tests.analysis.synthetic import S, Synthetic
from tests.analysis.synthetic_faults import BUDGET_NANOUSD, faulty_log
from tests.torture.sabotage_tools import commit_of, insert, nth

CHECKS = Path(__file__).parents[2] / "simulator" / "scenarios" / "chaos" / "checks"


def failed(run: RunFolder) -> set[str]:
    with open_database(run) as database:
        return {result.name for result in run_checks(database, CHECKS).checks if not result.passed}


def never_heal(log: Synthetic) -> None:
    log.drop(nth(log, bodies.FaultsHealed))


def leave_a_task_undone(log: Synthetic) -> None:
    log.drop(*commit_of(log, nth(log, bodies.TaskCompleted, -1)))


def settle_after_the_deadline(log: Synthetic) -> None:
    healed = nth(log, bodies.FaultsHealed)
    log.drop(healed)
    first = nth(log, bodies.TelemetryReceived, 8)
    insert(log, first, bodies.FaultsHealed(0), time_ns=first.time_ns + 1)


def fall_silent(log: Synthetic) -> None:
    healed = nth(log, bodies.FaultsHealed)
    gone = [e for e in log.events if e.seq > healed.seq and getattr(e.data, "agent", "") == "executor"]
    log.drop(*gone)


def do_not_finish(log: Synthetic) -> None:
    log.change(nth(log, bodies.RunFinished), status="interrupted")


def do_not_send_again(log: Synthetic) -> None:
    log.drop(nth(log, bodies.DeliveryRedelivered))


def never_settle_what_was_sent_again(log: Synthetic) -> None:
    sent = nth(log, bodies.DeliveryRedelivered)
    handled = [e for e in log.events if e.causation_seq == sent.causation_seq and e.seq > sent.seq]
    log.drop(*handled)


def name_a_cause_that_is_not_there(log: Synthetic) -> None:
    log.change(nth(log, bodies.DeliveryDeadLettered, cause="attempts_max"), cause="queue_full")


def fail_less_often_than_said(log: Synthetic) -> None:
    log.drop(nth(log, bodies.DeliveryFailed, 2))


def overrun_the_budget(log: Synthetic) -> None:
    log.change(nth(log, bodies.ModelCalled), cost_nanousd=BUDGET_NANOUSD)


def come_back_late(log: Synthetic) -> None:
    fault = nth(log, bodies.FaultInjected, kind="crash")
    log.move(fault, time_ns=fault.time_ns - 400 * S)


def never_come_back(log: Synthetic) -> None:
    log.drop(nth(log, bodies.AgentStarted, agent="executor", restart_count=1))


def count_rules_that_never_fired(log: Synthetic) -> None:
    rules = [bodies.RuleCount(f"idle-{number}", "drop", 0) for number in range(9)]
    log.change(nth(log, bodies.FaultsCounted), rules=rules)


def decide_nothing(log: Synthetic) -> None:
    log.drop(nth(log, bodies.TelemetryDismissed, 5))


def mistake_everything(log: Synthetic) -> None:
    log.change_all(bodies.TruthLabelled, lambda event: {"label": "duplication"})


def test_a_run_that_put_all_right_passes(tmp_path: Path) -> None:
    assert failed(faulty_log().write(tmp_path / "run")) == set()


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (never_heal, "01_converged"),
        (leave_a_task_undone, "01_converged"),
        (settle_after_the_deadline, "01_converged"),
        (fall_silent, "01_converged"),
        (do_not_finish, "01_converged"),
        (do_not_send_again, "02_redelivery"),
        (never_settle_what_was_sent_again, "02_redelivery"),
        (name_a_cause_that_is_not_there, "03_dead_letters"),
        (fail_less_often_than_said, "03_dead_letters"),
        (overrun_the_budget, "04_budget"),
        (come_back_late, "05_restarts"),
        (never_come_back, "05_restarts"),
        (count_rules_that_never_fired, "06_rules_fired"),
        (decide_nothing, "07_event_detection"),
        (mistake_everything, "08_detection_accuracy"),
    ],
)
def test_each_check_finds_what_it_is_for(
    tmp_path: Path, sabotage: Callable[[Synthetic], None], check: str
) -> None:
    log = faulty_log()
    sabotage(log)
    assert check in failed(log.write(tmp_path / "run"))
