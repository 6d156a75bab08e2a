"""The reviewer: what it says is true but for its shares, comes later, and is all that agents learn of it."""

from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from analysis.checks import run_invariants
from analysis.database import open_database
from bus.bodies import (
    FeedbackGiven,
    Label,
    PatternDetected,
    PatternKind,
    PatternLearned,
    ReviewRequested,
    TaskCompleted,
    TaskCreated,
    TaskFailed,
    TelemetryReceived,
    TruthLabelled,
)
from bus.events import Delivery, Draft, Event, Message
from simulator import compose, inbox
from simulator.inbox import Parcel
from simulator.judging import limits_of
from simulator.replay_simulate import simulate_again
from simulator.replay_verify import verify_run
from simulator.reviewer import NoReviewer, TruthfulReviewer
from simulator.scenario import FeedbackSettings, Scenario
from simulator.scenario_file import parse_scenario
from simulator.streams import Streams
from store.log_reader import read_events
from store.run_folder import RunFolder
from tests.simulator.builders import digest_of, record
from tests.simulator.short_chaos import commit_ends, cut_copy, resume, short_chaos

REVIEWED = """
extends = "soak"
name = "reviewed"
title = "a morning with a reviewer"
duration = "2h"
[workload]
event_interval = "5m"
noise_per_hour = 60.0
[witness]
detector = "linear"
review_above = 0.02
[feedback]
"""


def reviewed(feedback: str = "", seed: int = 3) -> Scenario:
    return replace(parse_scenario((REVIEWED + feedback).encode(), "here"), seed=seed)


def telemetry(number: int, message: str = "it broke") -> Parcel:
    body = TelemetryReceived(message)
    delivery = Delivery(f"workload-{number}.0", 5, Message(0, "workload", "telemetry_stream", body))
    return Parcel((5, 0, 0, 0, 0, 0), delivery, "telemetry_stream")


def task(number: int, kind: PatternKind = "duplication") -> Parcel:
    body = TaskCreated(kind, "t", "high", "d", "m", "local", "p", "it broke", 0.9)
    delivery = Delivery(f"workload-{number}.0.1.1", 5, Message(0, "architect", "execution_queue", body))
    return Parcel((5, 0, 0, 0, 0, 0), delivery, "execution_queue")


def reviewer(labels: list[Label | None], **shares: float) -> TruthfulReviewer:
    made = TruthfulReviewer(FeedbackSettings(**shares), Streams(7))
    for label in labels:
        truth = [] if label is None else [Draft(TruthLabelled(label))]
        made.learn([Draft(TelemetryReceived("it broke"), "telemetry_stream"), *truth])
    return made


def verdict(of: TruthfulReviewer, parcel: Parcel, kind: PatternKind = "duplication") -> bool | None:
    answer = of.answer(parcel, [Draft(TaskCompleted(kind, "d", "s"))])
    if answer is None:
        return None
    assert isinstance(answer.draft.data, FeedbackGiven)
    return answer.draft.data.confirmed


def test_an_outcome_is_confirmed_if_the_record_at_its_root_was_of_that_kind() -> None:
    knowing = reviewer(["duplication", "flaky_test", "none"])
    assert [verdict(knowing, task(n)) for n in (1, 2, 3)] == [True, False, False]


def test_a_failed_task_says_nothing_about_whether_the_detection_was_right() -> None:
    answer = reviewer(["duplication"]).answer(task(1), [Draft(TaskFailed("duplication", "d", "no"))])
    assert answer is not None
    assert isinstance(answer.draft.data, FeedbackGiven)
    assert answer.draft.data.confirmed


def test_a_request_for_review_is_answered_about_the_kind_that_it_asks_for() -> None:
    asked = [Draft(TelemetryReceived("x")), Draft(ReviewRequested("flaky_test", 0.4, "it broke"))]
    answer = reviewer(["flaky_test"]).answer(telemetry(1, "it broke"), asked)
    assert answer is not None
    assert (answer.offset, answer.draft.queue) == (1, "feedback_queue")
    assert answer.draft.data == FeedbackGiven("flaky_test", True, "it broke")


def test_what_asks_for_nothing_gets_no_answer() -> None:
    assert reviewer(["none"]).answer(telemetry(1), [Draft(TelemetryReceived("x"))]) is None
    assert NoReviewer().answer(task(1), [Draft(TaskCompleted("duplication", "d", "s"))]) is None


def test_telemetry_without_a_label_gets_no_answer_since_nobody_knows() -> None:
    assert verdict(reviewer([None, "duplication"]), task(1)) is None
    assert verdict(reviewer([None, "duplication"]), task(2)) is True


@pytest.mark.parametrize(
    ("shares", "low", "high"),
    [
        ({}, (1.0, 0.0, 0.0), (1.0, 0.0, 0.0)),
        ({"missing_share": 1.0}, (0.0, 0.0, 1.0), (0.0, 0.0, 1.0)),
        ({"wrong_share": 1.0}, (0.0, 1.0, 0.0), (0.0, 1.0, 0.0)),
        ({"missing_share": 0.3, "wrong_share": 0.1}, (0.60, 0.05, 0.27), (0.66, 0.09, 0.33)),
        ({"chance_share": 0.25}, (0.22, 0.72, 0.0), (0.28, 0.78, 0.0)),
    ],
)
def test_answers_are_missing_and_wrong_as_often_as_the_scenario_says(
    shares: dict[str, float], low: tuple[float, ...], high: tuple[float, ...]
) -> None:
    count = 3_000
    of = reviewer(["duplication"] * count, **shares)
    found = Counter(verdict(of, task(n)) for n in range(1, count + 1))
    for least, verdict_, most in zip(low, (True, False, None), high, strict=True):
        assert least <= found[verdict_] / count <= most


def test_an_answer_is_the_same_however_often_it_is_asked_for() -> None:
    labels: list[Label | None] = ["duplication"] * 50
    once = [verdict(reviewer(labels, missing_share=0.3, wrong_share=0.3), task(n)) for n in range(1, 51)]
    backwards = reviewer(labels, missing_share=0.3, wrong_share=0.3)
    assert [verdict(backwards, task(n)) for n in range(50, 0, -1)][::-1] == once


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("reviewed") / "run"
    assert record(reviewed("missing_share = 0.2\nwrong_share = 0.2\n"), folder).status == "completed"
    return RunFolder(folder)


def truth_of(events: list[Event]) -> dict[int, Label]:
    return {
        e.causation_seq: e.data.label
        for e in events
        if isinstance(e.data, TruthLabelled) and e.causation_seq is not None
    }


def test_on_the_log_the_reviewer_speaks_of_outcomes_and_requests_and_executor_does_not(
    run: RunFolder,
) -> None:
    events = {e.seq: e for e in read_events(run.events)}
    answers = [e for e in events.values() if isinstance(e.data, FeedbackGiven)]
    causes = Counter(events[e.causation_seq or 0].type for e in answers)
    assert {e.source for e in answers} == {"reviewer"}
    assert causes["task.completed"] + causes["task.failed"] > 10
    assert causes["review.requested"] > 10
    assert sum(causes.values()) == len(answers)
    asked = sum(isinstance(e.data, ReviewRequested | TaskCompleted | TaskFailed) for e in events.values())
    assert 0.6 < len(answers) / asked < 0.95


def test_about_the_share_of_answers_that_the_scenario_says_is_wrong(run: RunFolder) -> None:
    events = list(read_events(run.events))
    truth = truth_of(events)
    graded = [
        e.data.confirmed == (truth[e.correlation_seq] == e.data.kind)
        for e in events
        if isinstance(e.data, FeedbackGiven)
    ]
    assert 0.1 < 1 - sum(graded) / len(graded) < 0.3


def test_every_lesson_follows_from_an_answer_that_came_after_the_decision(run: RunFolder) -> None:
    events = {e.seq: e for e in read_events(run.events)}
    lessons = [e for e in events.values() if isinstance(e.data, PatternLearned)]
    decided = {
        e.correlation_seq: e.seq
        for e in events.values()
        if isinstance(e.data, PatternDetected | ReviewRequested)
    }
    assert len(lessons) > 20
    for lesson in lessons:
        answer = events[lesson.causation_seq or 0]
        assert isinstance(answer.data, FeedbackGiven)
        assert decided[lesson.correlation_seq] < answer.seq < lesson.seq
        assert lesson.time_ns - answer.time_ns >= 5 * 60 * 1_000_000_000


def test_every_invariant_holds_with_a_reviewer(run: RunFolder) -> None:
    with open_database(run) as database:
        found = run_invariants(database, limits_of(reviewed()))
    assert [result.name for result in found if not result.passed] == []


def test_three_processes_write_the_same_log(run: RunFolder, tmp_path: Path) -> None:
    record(reviewed("missing_share = 0.2\nwrong_share = 0.2\n"), tmp_path / "three", "processes")
    assert digest_of(tmp_path / "three") == digest_of(run.path)


@pytest.mark.parametrize(("window", "batch"), [(1, 1), (7, 3)])
def test_the_log_does_not_depend_on_how_much_is_handed_out_at_once(
    run: RunFolder, window: int, batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose, "engine_of", partial(compose.engine_of, window_deliveries_max=window))
    monkeypatch.setattr(inbox, "BATCH_DELIVERIES_MAX", batch)
    record(reviewed("missing_share = 0.2\nwrong_share = 0.2\n"), tmp_path / "narrow")
    assert digest_of(tmp_path / "narrow") == digest_of(run.path)


def test_a_log_cut_around_any_answer_goes_on_to_be_the_undisturbed_one(
    run: RunFolder, tmp_path: Path
) -> None:
    answers = [e.seq for e in read_events(run.events) if e.source == "reviewer"]
    ends = set(commit_ends(run.path))
    of = reviewed("missing_share = 0.2\nwrong_share = 0.2\n")
    for seq in (answers[0], answers[len(answers) // 2], answers[-1]):
        for cut in (max(end for end in ends if end < seq), seq):
            folder = cut_copy(run.path, tmp_path / f"cut{cut}", cut)
            assert resume(of, folder).status == "completed"
            assert digest_of(folder.path) == digest_of(run.path), f"cut behind seq {cut}"


def test_a_replay_proves_it_and_simulates_it_again(run: RunFolder) -> None:
    assert verify_run(run, lambda seq: None).is_complete
    again = simulate_again(run, lambda count: None)
    assert again.digest == again.recorded_digest == digest_of(run.path)


def test_under_every_fault_it_still_goes_on_from_any_cut(tmp_path: Path) -> None:
    chaos = short_chaos(22, swarm_share=0.8)
    feedback = FeedbackSettings(missing_share=0.1, wrong_share=0.1)
    of = replace(chaos, feedback=feedback, witness=replace(chaos.witness, review_above=0.1))
    assert record(of, tmp_path / "run").status == "completed"
    digest = digest_of(tmp_path / "run")
    answers = [e.seq for e in read_events(tmp_path / "run" / "events") if e.source == "reviewer"]
    assert len(answers) > 5
    folder = cut_copy(tmp_path / "run", tmp_path / "cut", answers[len(answers) // 2])
    assert resume(of, folder).status == "completed"
    assert digest_of(folder.path) == digest


def test_without_a_reviewer_executor_gives_the_feedback(tmp_path: Path) -> None:
    of = replace(reviewed(), feedback=None, witness=replace(reviewed().witness, review_above=None))
    record(of, tmp_path / "run")
    sources = Counter(
        e.source for e in read_events(tmp_path / "run" / "events") if e.type == "feedback.given"
    )
    assert set(sources) == {"executor"}
    assert sources["executor"] > 10
