"""Persistence: what was not kept over the end of a process is found by comparing it with the log."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from bus.bodies import Body, RunResumed
from bus.events import Draft, Event
from bus.sequencer import Sequencer
from simulator.persistence import compare_persistence
from store.log_reader import read_events
from store.log_writer import LogWriter
from store.run_folder import RunFolder
from tests.simulator.builders import record, scenario
from tests.simulator.short_chaos import commit_ends, cut_copy, resume

BUSY = scenario("busy", duration="10m", seed=5)


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that was killed in its middle and taken up again."""
    folder = tmp_path_factory.mktemp("resumed")
    record(BUSY, folder / "whole")
    ends = commit_ends(folder / "whole")
    run = cut_copy(folder / "whole", folder / "run", ends[len(ends) // 2])
    resume(BUSY, run)
    return run


def sabotaged(run: RunFolder, target: Path, change: Callable[[RunResumed], RunResumed]) -> RunFolder:
    """A copy whose observations tell something else of the resumption."""
    shutil.copytree(run.path, target)
    copy = RunFolder(target)
    events = list(read_events(copy.observations))
    shutil.rmtree(copy.observations)
    with LogWriter.create(copy.observations) as writer:
        sequencer = Sequencer(writer)
        for event in events:
            sequencer.commit(event.time_ns, event.source, [Draft(changed(event, change))])
    return copy


def changed(event: Event, change: Callable[[RunResumed], RunResumed]) -> Body:
    return change(event.data) if isinstance(event.data, RunResumed) else event.data


def lost(run: RunFolder) -> list[str]:
    return [compared.what for compared in compare_persistence(run) if not compared.is_equal]


def test_patterns_costs_and_queues_are_compared_at_the_resumption_and_states_at_the_end(
    resumed: RunFolder,
) -> None:
    compared = compare_persistence(resumed)
    assert all(one.is_equal for one in compared)
    what = [one.what for one in compared]
    assert {"state of witness", "cost", "pending on telemetry_stream", "patterns of witness"} <= set(what)
    assert what.count("state of witness") == 2
    assert any(one.what == "cost" and int(one.before) > 0 for one in compared)
    assert any(one.what == "patterns of witness" and int(one.before) > 0 for one in compared)


def test_a_run_that_nobody_took_up_is_compared_at_its_end(tmp_path: Path) -> None:
    record(BUSY, tmp_path / "run")
    compared = compare_persistence(RunFolder(tmp_path / "run"))
    assert {one.what for one in compared} == {
        f"{what} of {agent}"
        for what in ("state", "patterns")
        for agent in ("witness", "architect", "executor")
    }
    assert all(one.is_equal for one in compared)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("cost", lambda r: replace(r, spent_nanousd=r.spent_nanousd - 1)),
        ("state of witness", lambda r: replace(r, states={**r.states, "witness": "0" * 64})),
        (
            "pending on feedback_queue",
            lambda r: replace(
                r,
                pending_counts={**r.pending_counts, "feedback_queue": r.pending_counts["feedback_queue"] + 1},
            ),
        ),
        (
            "state of executor",
            lambda r: replace(r, states={a: s for a, s in r.states.items() if a != "executor"}),
        ),
    ],
)
def test_what_was_not_kept_is_named(
    what: str, change: Callable[[RunResumed], RunResumed], resumed: RunFolder, tmp_path: Path
) -> None:
    assert lost(sabotaged(resumed, tmp_path / "run", change)) == [what]
