"""The check of honest feedback holds whatever the shares, and breaks where no answer is due."""

from pathlib import Path

import pytest

from analysis.checks import CheckResult, read_check, run_check
from analysis.database import open_database
from bus import bodies
from tests.analysis.synthetic import Options, Synthetic

CHECKS = Path(__file__).parents[2] / "simulator" / "scenarios" / "learning" / "checks"


def judged(log: Synthetic, folder: Path) -> CheckResult:
    with open_database(log.write(folder / "run")) as database:
        return run_check(database, read_check(CHECKS / "05_feedback.sql"))


@pytest.mark.parametrize("wrong_count", [0, 5, 10])
@pytest.mark.parametrize("missing_count", [0, 5, 10])
def test_any_share_of_missing_and_wrong_answers_is_legal(
    tmp_path: Path, wrong_count: int, missing_count: int
) -> None:
    """All answers come and all are right where both shares are 0, and in a short run by chance."""
    log = Synthetic(Options(event_count=10, misses=()))
    for event in log.of(bodies.FeedbackGiven)[:wrong_count]:
        log.change(event, confirmed=False)
    gone = {event.seq for event in log.of(bodies.FeedbackGiven)[:missing_count]}
    log.drop(*[e for e in log.events if e.seq in gone or e.causation_seq in gone])
    # The synthetic EXECUTOR answers its tasks, the reviewer what came of them.
    outcome_of = {e.causation_seq: e for e in log.of(bodies.TaskCompleted)}
    for event in log.of(bodies.FeedbackGiven):
        log.move(event, causation_seq=outcome_of[event.causation_seq].seq)
    result = judged(log, tmp_path)
    assert result.violations == []
    assert result.passed
    assert f"{10 - missing_count} answers" in result.finding


def test_more_answers_than_were_asked_for_are_a_violation(tmp_path: Path) -> None:
    log = Synthetic(Options(event_count=3, misses=()))
    outcome_of = {e.causation_seq: e for e in log.of(bodies.TaskCompleted)}
    for event in log.of(bodies.FeedbackGiven):
        log.move(event, causation_seq=outcome_of[event.causation_seq].seq)
    outcome, given = log.of(bodies.TaskCompleted)[-1], log.of(bodies.FeedbackGiven)[-1]
    log.append(log.events[-1].time_ns, "reviewer", given.data, outcome)
    problems = " ".join(str(row) for row in judged(log, tmp_path).violations)
    assert "2 answers to event" in problems
    assert "4 answers to 3 outcomes" in problems


def test_an_answer_to_what_asks_nothing_is_a_violation(tmp_path: Path) -> None:
    """EXECUTOR answers its tasks where nobody reviews; in a reviewed run that is not due."""
    result = judged(Synthetic(Options(event_count=3, misses=())), tmp_path)
    assert not result.passed
    assert "which asks nothing" in str(result.violations)
