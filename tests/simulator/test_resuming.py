"""Resuming: a log cut anywhere goes on to be the log of the undisturbed run, whoever goes on with it."""

import shutil
from pathlib import Path
from random import Random
from typing import NamedTuple

import psutil
import pytest
from msgspec.structs import replace

from bus.bodies import RunFinished, RunResumed
from bus.sequencer import ListLog
from simulator.compose import Transport
from simulator.errors import ResumeDiverged, RunComplete
from simulator.incarnation import Watcher
from simulator.persistence import compare_persistence
from simulator.recording import Means, Recording
from simulator.resuming import ComparedLog
from simulator.scenario import Scenario
from store.errors import LogDamage, LogLocked
from store.lock import WriterLock
from store.log_reader import read_events
from store.run_folder import RunFolder
from tests.simulator.builders import begun, digest_of, record, scenario
from tests.simulator.short_chaos import commit_ends, cut_copy, resume, short_chaos

CUTS_PER_SEED = 6


class Finished(NamedTuple):
    scenario: Scenario
    run: Path
    digest: str | None


def finished(of: Scenario, folder: Path) -> Finished:
    assert record(of, folder).status == "completed"
    return Finished(of, folder, digest_of(folder))


@pytest.fixture(scope="module", params=[10, 22, 29])
def chaos(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("chaos") / "run"
    return finished(short_chaos(request.param, swarm_share=0.8), folder)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return finished(scenario("busy", duration="10m", seed=5), tmp_path_factory.mktemp("busy") / "run")


def test_a_log_cut_at_any_commit_goes_on_to_be_the_undisturbed_one(chaos: Finished, tmp_path: Path) -> None:
    ends = commit_ends(chaos.run)
    random = Random(chaos.scenario.seed)
    for cut in (1, *random.sample(ends, CUTS_PER_SEED), ends[-1]):
        torn = random.choice([b"", b'{"seq":', bytes(40)])
        folder = cut_copy(chaos.run, tmp_path / f"cut{cut}", cut, torn)
        assert resume(chaos.scenario, folder).status == "completed"
        assert digest_of(folder.path) == chaos.digest, f"cut behind seq {cut}"


def test_an_agent_that_lost_its_memory_while_the_log_was_caught_up_with_knows_it_again(
    tmp_path: Path,
) -> None:
    """Its batch reached beyond the outage and beyond the log, so it was at work when it lost its memory."""
    whole = finished(short_chaos(10, swarm_share=0.8), tmp_path / "whole")
    kinds = [(e.seq, e.type, e.source) for e in read_events(whole.run / "events")]
    refused = next(seq for seq, kind, _ in kinds if kind == "agent.refused")
    ends = [end for end in commit_ends(whole.run) if refused < end < refused + 30]
    for end in ends[::4]:
        folder = cut_copy(whole.run, tmp_path / f"cut{end}", end)
        resume(whole.scenario, folder)
        assert digest_of(folder.path) == whole.digest, f"cut behind seq {end}"


@pytest.mark.parametrize("transport", ["inproc", "processes"])
def test_a_run_may_be_killed_and_taken_up_again_and_again(
    transport: Transport, busy: Finished, tmp_path: Path
) -> None:
    ends = commit_ends(busy.run)
    folder = cut_copy(busy.run, tmp_path / "run0", ends[len(ends) // 4])
    for number, part in enumerate((2, 3), 1):
        resume(busy.scenario, folder, transport)
        assert digest_of(folder.path) == busy.digest
        assert verify_persistence(folder)
        folder = cut_copy(folder.path, tmp_path / f"run{number}", ends[len(ends) * part // 4])
    resume(busy.scenario, folder, transport)
    assert digest_of(folder.path) == busy.digest


def verify_persistence(folder: RunFolder) -> bool:
    return all(compared.is_equal for compared in compare_persistence(folder))


def killing(random: Random, count_max: int) -> Watcher:
    """Kills agents' processes as the run goes on."""
    killed: list[int] = []

    def progress(now_ns: int, count: int) -> None:
        for child in psutil.Process().children():
            if len(killed) < count_max and random.random() < 0.7:
                child.kill()
                killed.append(child.pid)

    return Watcher(progress, lambda: False)


@pytest.mark.parametrize("part", [0.0, 0.6, 0.7])
def test_agents_killed_while_the_log_is_caught_up_with_know_each_thing_once(
    part: float, busy: Finished, tmp_path: Path
) -> None:
    ends = commit_ends(busy.run)
    folder = cut_copy(busy.run, tmp_path / "run", ends[int(len(ends) * part)])
    Recording(busy.scenario, folder, Means("processes"), killing(Random(1), 4)).resume()
    assert digest_of(folder.path) == busy.digest


def test_what_was_known_is_told_at_the_place_where_the_run_goes_on(busy: Finished, tmp_path: Path) -> None:
    ends = commit_ends(busy.run)
    cut = ends[len(ends) // 2]
    folder = cut_copy(busy.run, tmp_path / "run", cut)
    resume(busy.scenario, folder)
    (resumed,) = [e.data for e in read_events(folder.observations) if isinstance(e.data, RunResumed)]
    assert resumed.after_seq == cut
    assert set(resumed.states) == {"witness", "architect", "executor"}
    assert verify_persistence(folder)


def stopping_at(event_count: int) -> Watcher:
    return Watcher(lambda now_ns, count: stopping.append(count), lambda: stopping[-1] >= event_count)


stopping: list[int] = []


def test_a_run_that_was_interrupted_goes_on_as_if_nothing_had_been(busy: Finished, tmp_path: Path) -> None:
    folder = begun(busy.scenario, tmp_path / "run")
    recorded = Recording(busy.scenario, folder, Means("inproc"), stopping_at(500)).record()
    assert recorded.status == "interrupted"
    assert [e.data for e in read_events(folder.events)][-1] == RunFinished(
        "interrupted", "stopped from outside"
    )
    again = Recording(busy.scenario, folder, Means("inproc"), stopping_at(1000)).resume()
    assert again.status == "interrupted"
    assert resume(busy.scenario, folder).status == "completed"
    assert digest_of(folder.path) == busy.digest
    assert verify_persistence(folder)


def test_a_run_interrupted_before_it_caught_up_with_its_log_has_written_nothing(
    busy: Finished, tmp_path: Path
) -> None:
    ends = commit_ends(busy.run)
    folder = cut_copy(busy.run, tmp_path / "run", ends[len(ends) // 2])
    (segment,) = folder.events.glob("*.jsonl")
    before = segment.read_bytes()
    assert Recording(busy.scenario, folder, Means("inproc"), stopping_at(1)).resume().status == "interrupted"
    assert segment.read_bytes() == before
    resume(busy.scenario, folder)
    assert digest_of(folder.path) == busy.digest


def test_a_run_that_came_to_its_end_is_not_taken_up(busy: Finished, tmp_path: Path) -> None:
    shutil.copytree(busy.run, tmp_path / "run")
    with pytest.raises(RunComplete, match="run"):
        resume(busy.scenario, RunFolder(tmp_path / "run"))
    assert digest_of(tmp_path / "run") == busy.digest


def test_a_run_of_which_nothing_is_on_the_log_is_begun(busy: Finished, tmp_path: Path) -> None:
    folder = begun(busy.scenario, tmp_path / "run")
    assert resume(busy.scenario, folder).status == "completed"
    assert digest_of(folder.path) == busy.digest


def test_a_run_that_is_still_going_on_is_refused_with_the_pid(busy: Finished, tmp_path: Path) -> None:
    folder = cut_copy(busy.run, tmp_path / "run", 5)
    lock = WriterLock(folder.events)
    try:
        with pytest.raises(LogLocked, match=str(psutil.Process().pid)):
            resume(busy.scenario, folder)
    finally:
        lock.release()


def flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def test_a_damaged_log_is_refused_and_left_as_it_is(busy: Finished, tmp_path: Path) -> None:
    folder = cut_copy(busy.run, tmp_path / "run", commit_ends(busy.run)[-1])
    (segment,) = folder.events.glob("*.jsonl")
    spoilt = flip(segment.read_bytes(), 5_000)
    segment.write_bytes(spoilt)
    with pytest.raises(LogDamage):
        resume(busy.scenario, folder)
    assert segment.read_bytes() == spoilt


@pytest.mark.parametrize("change", [{"seed": 6}, {"name": "other"}])
def test_another_scenario_diverges_at_the_first_event_and_writes_nothing(
    change: dict[str, object], busy: Finished, tmp_path: Path
) -> None:
    folder = cut_copy(busy.run, tmp_path / "run", 40)
    (segment,) = folder.events.glob("*.jsonl")
    before = segment.read_bytes()
    with pytest.raises(ResumeDiverged, match="seq 1"):
        resume(replace(busy.scenario, **change), folder)
    assert segment.read_bytes() == before


def line(seq: int) -> bytes:
    return b'{"seq":%d,"crc":%d}\n' % (seq, seq * 77)


def test_only_what_is_beyond_the_log_is_written() -> None:
    log, caught_up = ListLog(), []
    compared = ComparedLog([line(n) for n in (1, 2, 3)], 3, log, lambda: caught_up.append(True))
    compared.append(1, [b'{"seq":1}', b'{"seq":2}'])
    assert (log.commits, caught_up, compared.is_catching_up) == ([], [], True)
    compared.append(3, [b'{"seq":3}'])
    assert (log.commits, caught_up, compared.is_catching_up) == ([], [], False)
    compared.append(4, [b'{"seq":4}'])
    compared.append(5, [b'{"seq":5}'])
    assert (log.commits, caught_up) == ([[b'{"seq":4}'], [b'{"seq":5}']], [True])


@pytest.mark.parametrize("recorded", [line(2), b"", b'{"seq":1,"x":0,"crc":77}\n'])
def test_the_first_event_that_is_not_the_recorded_one_stops_the_run(recorded: bytes) -> None:
    compared = ComparedLog([recorded], 1, ListLog(), lambda: None)
    with pytest.raises(ResumeDiverged, match="seq 1"):
        compared.append(1, [b'{"seq":1}'])
