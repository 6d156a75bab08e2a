"""A program that decides otherwise than the one that wrote a log is found out where it parts."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from agents import architect, executor
from agents.agent import Context, ModelRequest
from agents.architect import Architect
from agents.executor import Executor
from agents.policy import policies
from bus.bodies import TaskCreated
from bus.events import Draft, Message
from bus.permissions import Permissions
from simulator.replay_compare import NOTHING
from tests.simulator.replay_logs import (
    DEAD_LETTERS,
    SOAK,
    Lines,
    body,
    changed,
    copy_of,
    divergence,
    kept,
    lines_of,
    seq_of,
)


def test_another_threshold_is_found_where_it_was_first_applied(tmp_path: Path) -> None:
    run = copy_of(SOAK, tmp_path, {"critical_error = 0.9": "critical_error = 0.91"})
    first = next(x for x in lines_of(run) if body(x).get("threshold") == 0.9)
    found = divergence(run)
    assert (found.seq, found.field, found.recorded, found.replayed) == (
        first["seq"],
        "data.threshold",
        "0.9",
        "0.91",
    )
    assert found.source == "witness"
    assert found.key.startswith("workload-")


def test_another_backoff_is_found_at_the_first_second_attempt(tmp_path: Path) -> None:
    run = copy_of(DEAD_LETTERS, tmp_path, {'backoff = "1s"': 'backoff = "2s"'})
    second = next(x for x in lines_of(run) if body(x).get("attempt") == 2)
    found = divergence(run)
    assert (found.seq, found.field) == (second["seq"], "data.started_ns")
    assert int(found.replayed) - int(found.recorded) == 1_000_000_000


def test_fewer_attempts_are_found_where_the_delivery_is_given_up(tmp_path: Path) -> None:
    run = copy_of(DEAD_LETTERS, tmp_path, {"attempts_max = 3": "attempts_max = 2"})
    second = next(x for x in lines_of(run) if (body(x).get("attempt"), x["type"]) == (2, "delivery.failed"))
    found = divergence(run)
    assert (found.seq, found.field) == (second["seq"], "type")
    assert found.recorded == '"delivery.failed"'
    assert found.replayed.startswith('"delivery.dead_lettered: ')


def test_more_attempts_are_found_where_the_log_gives_the_delivery_up(tmp_path: Path) -> None:
    run = copy_of(DEAD_LETTERS, tmp_path, {"attempts_max = 3": "attempts_max = 4"})
    found = divergence(run)
    assert (found.type, found.field) == ("delivery.dead_lettered", "type")


def test_another_price_is_found_at_the_first_call_that_it_changes(tmp_path: Path) -> None:
    run = copy_of(SOAK, tmp_path, {"input_nanousd_per_token = 1250": "input_nanousd_per_token = 1251"})
    first = next(x for x in lines_of(run) if body(x).get("tier") == "cloud" and x["type"] == "model.called")
    found = divergence(run)
    assert (found.seq, found.field) == (first["seq"], "data.reserved_nanousd")


def test_another_seed_is_found_where_an_agent_draws_first(tmp_path: Path) -> None:
    run = copy_of(SOAK, tmp_path, {"seed = 1": "seed = 2"})
    found = divergence(run)
    assert (found.seq, found.field) == (
        seq_of(run, "delivery.acknowledged", "executor"),
        "data.finished_ns",
    )


def test_another_prompt_is_found_by_its_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = architect._prompt
    monkeypatch.setattr(architect, "_prompt", lambda *args: prompt(*args) + " ")
    found = divergence(kept(SOAK))
    assert (found.seq, found.field) == (
        seq_of(kept(SOAK), "model.called", "architect"),
        "data.prompt_sha256",
    )


def test_drafts_in_another_order_are_found_at_the_first_that_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome: Callable[..., list[Draft]] = Executor._outcome
    monkeypatch.setattr(Executor, "_outcome", lambda *args, **named: outcome(*args, **named)[::-1])
    found = divergence(kept(SOAK))
    assert (found.seq, found.field) == (seq_of(kept(SOAK), "task.completed", "executor"), "type")
    assert (found.recorded, found.replayed) == ('"task.completed"', '"feedback.given"')


def altered(change: Callable[[Sequence[Draft]], Sequence[Draft]]) -> Callable[..., Sequence[Draft]]:
    handle = Architect.handle

    def handled(self: Architect, message: Message, context: Context) -> Sequence[Draft]:
        return change(handle(self, message, context))

    return handled


def test_another_decision_is_found_by_its_field(monkeypatch: pytest.MonkeyPatch) -> None:
    def demoted(drafts: Sequence[Draft]) -> Sequence[Draft]:
        task = drafts[0].data
        assert isinstance(task, TaskCreated)
        other = "normal" if task.priority != "normal" else "high"
        return [replace(drafts[0], data=replace(task, priority=other))]

    monkeypatch.setattr(Architect, "handle", altered(demoted))
    found = divergence(kept(SOAK))
    assert (found.seq, found.field) == (seq_of(kept(SOAK), "task.created", "architect"), "data.priority")


def test_another_queue_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Architect, "handle", altered(lambda drafts: [replace(drafts[0], queue=None)]))
    monkeypatch.setattr(Permissions, "check", lambda self, *publication: None)
    found = divergence(kept(SOAK))
    assert (found.seq, found.field) == (seq_of(kept(SOAK), "task.created", "architect"), "queue")


def test_a_draft_too_few_and_a_draft_too_many_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Architect, "handle", altered(lambda drafts: []))
    found = divergence(kept(SOAK))
    assert (found.seq, found.replayed) == (seq_of(kept(SOAK), "task.created", "architect"), NOTHING)
    monkeypatch.undo()
    monkeypatch.setattr(Architect, "handle", altered(lambda drafts: [*drafts, drafts[0]]))
    found = divergence(kept(SOAK))
    assert found.seq == seq_of(kept(SOAK), "task.created", "architect") + 1
    assert (found.recorded, found.replayed) == (NOTHING, '"task.created"')


def test_a_call_that_is_not_on_the_log_is_found_and_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = Architect.handle

    def asking_twice(self: Architect, message: Message, context: Context) -> Sequence[Draft]:
        drafts = handle(self, message, context)
        context.models.complete(ModelRequest("plan", "local", "Are you sure?", 5))
        return drafts

    monkeypatch.setattr(Architect, "handle", asking_twice)
    found = divergence(kept(SOAK))
    assert found.seq == seq_of(kept(SOAK), "delivery.acknowledged", "architect")
    assert found.field.startswith("call workload-")
    assert found.recorded == NOTHING


def test_a_call_that_is_not_made_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "_is_verified", lambda task, summary, context: True)
    found = divergence(kept(SOAK))
    verify = next(x for x in lines_of(kept(SOAK)) if body(x).get("operation_name") == "verify")
    assert (found.seq, found.recorded, found.replayed) == (verify["seq"], '"model.called"', NOTHING)


def test_an_agent_that_raises_now_is_found_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "_delegate", lambda *args: policies()["no such kind"])  # type: ignore[index]
    found = divergence(kept(SOAK))
    assert found.seq == seq_of(kept(SOAK), "delivery.acknowledged", "executor")
    assert "delivery.failed: KeyError" in found.replayed


def test_another_state_at_the_end_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Executor, "apply", lambda self, event: None)
    found = divergence(kept(SOAK))
    assert (found.seq, found.field) == (seq_of(kept(SOAK), "agent.stopped", "executor"), "data.state_sha256")


def test_what_was_a_secret_in_a_draft_is_compared_without_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def leaking(drafts: Sequence[Draft]) -> Sequence[Draft]:
        task = drafts[0].data
        assert isinstance(task, TaskCreated)
        return [replace(drafts[0], data=replace(task, title="use glpat-abcdefghij0123456789"))]

    def redacted(lines: Lines) -> Lines:
        for line in lines:
            if line["type"] == "task.created":
                body(line)["title"] = "use [redacted:gitlab-token]"
        return lines

    run = changed(SOAK, tmp_path, redacted)
    monkeypatch.setattr(Architect, "handle", altered(leaking))
    found = divergence(run)
    assert (found.source, found.field) == ("executor", "data.prompt_sha256")  # whose task has another title
