"""Determinism: one digest for a scenario and a seed, whatever runs it.

No decision depends on the truth but by what a reviewer says of it, and not before that arrives.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from bus.bodies import (
    AgentStopped,
    FeedbackGiven,
    ModelCalled,
    PatternLearned,
    StateRebuilt,
    TransportCounted,
    TruthLabelled,
)
from bus.codec import decode_body
from bus.events import Draft, Event
from simulator import compose, inbox
from simulator.clock import VirtualClock
from simulator.compose_agent import build_runtime
from simulator.engine import Item
from simulator.roles import AGENTS
from simulator.scenario import DetectorName, Scenario
from store.log_reader import read_envelopes, read_events
from tests.simulator.builders import digest_of, events_of, json_of, record, scenario, soak_log
from tests.simulator.short_chaos import short_chaos

ROOT = Path(__file__).parents[2]
SEEDS = (1, 20)
SCENARIOS = {"soak": "24h", "busy": "30m"}
PROGRAM = """
import sys
from pathlib import Path
from tests.simulator.builders import digest_of, record, scenario
transport, folder = sys.argv[1:]
for name, duration in {scenarios}.items():
    for seed in {seeds}:
        chosen = scenario(name, seed=seed, duration=duration)
        run = Path(folder, f"{{name}}{{seed}}")
        recorded = record(chosen, run, transport)
        print(name, seed, recorded.status, digest_of(run))
"""


class Where(NamedTuple):
    transport: str
    hash_seed: str


def digests(where: Where, folder: Path) -> list[str]:
    """The digests of all scenarios and seeds, made in a process of its own."""
    environment = {**os.environ, "PYTHONHASHSEED": where.hash_seed, "PYTHONPATH": str(ROOT)}
    program = PROGRAM.format(scenarios=SCENARIOS, seeds=SEEDS)
    done = subprocess.run(
        [sys.executable, "-c", program, where.transport, str(folder / "-".join(where))],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_scenario_and_a_seed_have_one_digest_under_every_transport_and_hash_seed(tmp_path: Path) -> None:
    places = [Where(t, h) for t in ("inproc", "processes") for h in ("0", "random")]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda where: digests(where, tmp_path), places))
    assert found[1:] == found[:1] * 3
    lines = [line.split() for line in found[0]]
    assert len(lines) == len(SEEDS) * len(SCENARIOS)
    assert {status for _, _, status, _ in lines} == {"completed"}
    assert len({digest for _, _, _, digest in lines}) == len(lines)


@pytest.mark.parametrize(("window", "batch"), [(1, 1), (1, 512), (7, 3), (2048, 1)])
def test_the_log_of_a_busy_hour_does_not_depend_on_the_windows(
    window: int, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = scenario("busy", duration="20m", seed=5)
    expected = json_of(soak_log(busy))
    assert len(expected) > 2_000
    monkeypatch.setattr(inbox, "BATCH_DELIVERIES_MAX", batch)
    assert json_of(soak_log(busy, window_deliveries_max=window)) == expected


@pytest.mark.parametrize(("window", "batch"), [(1, 1), (7, 3)])
def test_the_log_of_a_chaotic_day_does_not_depend_on_the_windows(
    window: int, batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chaos = short_chaos(8, swarm_share=1.0)
    record(chaos, tmp_path / "wide")
    monkeypatch.setattr(compose, "engine_of", partial(compose.engine_of, window_deliveries_max=window))
    monkeypatch.setattr(inbox, "BATCH_DELIVERIES_MAX", batch)
    record(chaos, tmp_path / "narrow")
    assert digest_of(tmp_path / "narrow") == digest_of(tmp_path / "wide")


Told = tuple[int, str, str, str | None, object]


def told(events: list[Event]) -> list[Told]:
    """What happened, without places in the log and without the truths."""
    return [
        (e.time_ns, e.type, e.source, e.queue, e.data)
        for e in events
        if not isinstance(e.data, TruthLabelled)
    ]


def with_truths(items: list[Item], labels: Sequence[TruthLabelled | None]) -> list[Item]:
    changed = []
    for item, label in zip(items, labels, strict=True):
        telemetry = [draft for draft in item.drafts if not isinstance(draft.data, TruthLabelled)]
        changed.append(Item(item.time_ns, [*telemetry, *([] if label is None else [Draft(label)])]))
    return changed


CHANGES = ("shuffled", "removed", "swapped for none")


class Changed(NamedTuple):
    """What happened in a run, and in the same run on telemetry with other truths."""

    expected: list[Told]
    found: list[Told]


def with_other_truths(of: Scenario, change: str, monkeypatch: pytest.MonkeyPatch) -> Changed:
    items = list(compose.workload_of(of))
    truths = [draft.data for item in items for draft in item.drafts if isinstance(draft.data, TruthLabelled)]
    assert len(truths) == len(items)
    assert len({truth.label for truth in truths}) > 3
    labels: list[TruthLabelled | None] = list(truths)
    if change == "shuffled":
        Random(1).shuffle(labels)
        assert labels != truths
    else:
        labels = [None if change == "removed" else TruthLabelled("none")] * len(truths)

    expected = events_of(soak_log(of))
    changed = with_truths(items, labels)
    monkeypatch.setattr(compose, "workload_of", lambda scenario: iter(changed))
    found = events_of(soak_log(of))
    kept = [event.data for event in found if isinstance(event.data, TruthLabelled)]
    assert kept == [label for label in labels if label is not None]
    return Changed(told(expected), told(found))


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("detector", ["linear", "lexicon"])
def test_without_a_reviewer_no_decision_depends_on_the_truth(
    detector: DetectorName, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = scenario("busy", duration="1h", seed=3)
    witness = replace(busy.witness, detector=detector, review_above=None, model_sha256=None)
    expected, found = with_other_truths(replace(busy, feedback=None, witness=witness), change, monkeypatch)
    assert any(type_name == PatternLearned.TYPE for _, type_name, *_ in expected)
    assert found == expected


def first_difference_ns(some: Sequence[Told], others: Sequence[Told]) -> int:
    """The moment of the first thing that is only in one of two stories, each in order of time."""
    for one, other in zip(some, others, strict=False):
        if one != other:
            return min(one[0], other[0])
    longer = max(some, others, key=len)
    assert len(some) != len(others), "there is no difference"
    return longer[min(len(some), len(others))][0]


@pytest.mark.parametrize("change", CHANGES)
def test_with_a_reviewer_nothing_depends_on_the_truth_before_a_feedback_that_differs_arrives(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = scenario("busy", duration="2h", seed=3)
    expected, found = with_other_truths(busy, change, monkeypatch)
    feedback, other_feedback = (
        [one for one in story if one[1] == FeedbackGiven.TYPE] for story in (expected, found)
    )
    assert {source for _, _, source, *_ in (*feedback, *other_feedback)} == {"reviewer"}
    said_ns = first_difference_ns(feedback, other_feedback)
    arrives_ns = said_ns + busy.queues["feedback_queue"].delay
    rest, other_rest = ([one for one in story if one[1] != FeedbackGiven.TYPE] for story in (expected, found))
    assert [one for one in rest if one[0] < arrives_ns] == [one for one in other_rest if one[0] < arrives_ns]
    assert sum(said_ns < one[0] < arrives_ns for one in rest) > 100
    assert first_difference_ns(rest, other_rest) >= arrives_ns  # the truth does arrive, and changes something


def test_truths_are_on_no_queue_so_nobody_receives_them() -> None:
    events = events_of(soak_log(scenario("busy", duration="30m")))
    assert {event.queue for event in events if isinstance(event.data, TruthLabelled)} == {None}
    assert any(isinstance(event.data, TruthLabelled) for event in events)


class Run(NamedTuple):
    scenario: Scenario
    folder: Path


@pytest.fixture(scope="module", params=["inproc", "processes"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    chosen = scenario("soak", seed=4)
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert record(chosen, folder, request.param).status == "completed"
    return Run(chosen, folder)


def test_an_agent_folded_from_the_log_alone_knows_what_the_running_one_knew(run: Run) -> None:
    stopped = {
        e.data.agent: e.data for e in read_events(run.folder / "events") if isinstance(e.data, AgentStopped)
    }
    assert list(stopped) == list(AGENTS)
    fresh = {agent: build_runtime(compose.agent_settings(run.scenario, agent)) for agent in AGENTS}
    empty = {agent: runtime.stopped().state_sha256 for agent, runtime in fresh.items()}
    for event in read_events(run.folder / "events"):
        if event.source in fresh:
            fresh[event.source].apply(event.data)
    for agent, runtime in fresh.items():
        assert runtime.stopped().state_sha256 == stopped[agent].state_sha256 != empty[agent]
        assert runtime.stopped().pattern_count == stopped[agent].pattern_count


def test_the_recording_notes_the_rebuilt_state_of_each_agent(run: Run) -> None:
    stopped = {
        (e.data.agent, e.data.state_sha256, e.data.pattern_count)
        for e in read_events(run.folder / "events")
        if isinstance(e.data, AgentStopped)
    }
    rebuilt = {
        (e.data.agent, e.data.state_sha256, e.data.pattern_count)
        for e in read_events(run.folder / "observations")
        if isinstance(e.data, StateRebuilt)
    }
    assert rebuilt == stopped
    assert len(rebuilt) == 3


def test_a_rebuilt_agent_has_spent_what_its_calls_cost(run: Run) -> None:
    for agent in ("architect", "executor"):
        runtime = build_runtime(compose.agent_settings(run.scenario, agent))
        costs = [
            event.data.cost_nanousd
            for event in read_events(run.folder / "events")
            if event.source == agent and isinstance(event.data, ModelCalled)
        ]
        for event in read_events(run.folder / "events"):
            if event.source == agent:
                runtime.apply(event.data)
        assert runtime.ledger.spent_nanousd == sum(costs) > 0


def test_with_processes_every_delivery_crossed_the_transport(run: Run) -> None:
    counted: dict[str, TransportCounted] = {}
    for envelope in read_envelopes(run.folder / "observations"):
        if envelope.type == TransportCounted.TYPE:
            body = decode_body(envelope.type, envelope.data)
            assert isinstance(body, TransportCounted)
            counted[body.agent] = body
    handled = [e.source for e in read_events(run.folder / "events") if e.type == "delivery.acknowledged"]
    if counted:
        assert {agent: one.delivery_count for agent, one in counted.items()} == {
            agent: handled.count(agent) for agent in AGENTS
        }
        assert len({one.pid for one in counted.values()}) == 3
    else:
        assert "process.exited" not in {e.type for e in read_envelopes(run.folder / "observations")}


def test_bus_time_of_a_whole_log_never_goes_back(run: Run) -> None:
    clock = VirtualClock(0)
    for envelope in read_envelopes(run.folder / "events"):
        clock.advance(envelope.time_ns)
    assert clock.now_ns == run.scenario.start_ns + run.scenario.duration
