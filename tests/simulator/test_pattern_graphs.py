"""The graph files of a run: whoever goes on with them or without them, the log is the same."""

import shutil
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec
import pytest

from agents.experience import default_prototypes
from bus.bodies import MemoryReindexed, PatternLearned, StateRebuilt
from simulator import compose
from simulator.compose_agent import GraphFiles, build_runtime_from_json
from simulator.importing import _imports, imports_of
from simulator.incarnation import Watcher
from simulator.recording import Means, Recording
from simulator.replay_simulate import simulate_again
from simulator.replay_verify import verify_run
from simulator.scenario import Scenario
from simulator.what_if import what_if
from store.log_reader import read_events
from store.memory import IndexLimits
from store.memory_cache import BEGIN_NAME, LAST_NAME, Growth, IndexCache, read_key
from store.memory_graph import ApproximateIndex
from store.run_folder import RunFolder
from tests.simulator.builders import begun, delivery, digest_of, record, scenario
from tests.simulator.remembering import begun_with, pattern, record_with, remembering, write_file
from tests.simulator.short_chaos import commit_ends, cut_copy, resume

PROTOTYPE_COUNT = sum(len(group.messages) for group in default_prototypes().prototypes)
SMALL = IndexLimits(exact_count_max=PROTOTYPE_COUNT + 3, exact_again_count=8, recent_count_max=4)
"""A handful of lessons makes the memory approximate."""
LONG = scenario("learning", duration="6h", seed=3)
STOPPED_BEHIND = 1_500
"""So many events; the memory is approximate then."""
CHANGED = ["witness.threshold.feature_request=0.9"]


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.memory.IndexLimits", lambda: SMALL)
    monkeypatch.setattr("store.memory_cache.Growth", lambda: Growth(4, 4, 1))
    _imports.cache_clear()


class Counted(NamedTuple):
    """What was taken from files, and what was linked."""

    loaded: list[int]
    linked: list[int]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    found = Counted([], [])
    load, link = IndexCache.load, ApproximateIndex._link

    def loading(cache, keys):
        graph = load(cache, keys)
        if graph is not None:
            found.loaded.append(int(graph.ntotal))
        return graph

    def linking(index, batch) -> None:
        found.linked.append(len(batch))
        link(index, batch)

    monkeypatch.setattr(IndexCache, "load", loading)
    monkeypatch.setattr(ApproximateIndex, "_link", linking)
    return found


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    assert LONG.witness.patterns_max > SMALL.exact_count_max
    assert record(LONG, tmp_path / "run").status == "completed"
    return RunFolder(tmp_path / "run")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_change_of_index_is_on_the_log_with_its_reason_and_leaves_a_file(run: RunFolder) -> None:
    (change,) = [event.data for event in read_events(run.events) if isinstance(event.data, MemoryReindexed)]
    assert (change.from_index, change.to_index) == ("exact", "approximate")
    assert change.pattern_count == SMALL.exact_count_max + 1
    assert change.reason == (
        f"more than {SMALL.exact_count_max} patterns: comparing with every one takes too long"
    )
    assert [path.name for path in run.cache.iterdir()] == [LAST_NAME]


def test_a_run_that_can_write_no_file_has_the_same_log(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = begun(LONG, tmp_path / "other")
    other.cache.rmdir()
    other.cache.write_text("in the way")
    assert resume(LONG, other).status == "completed"
    assert digest_of(other.path) == digest_of(run.path)
    problem = capsys.readouterr().err
    assert "cannot write the graph of the patterns" in problem
    assert "the run goes on without it" in problem


@pytest.mark.parametrize("what", ["kept", "deleted", "damaged"])
def test_a_run_that_was_stopped_goes_on_to_the_same_log_whatever_became_of_its_files(
    what: str, run: RunFolder, tmp_path: Path, counted: Counted
) -> None:
    counts: list[int] = []
    late = Watcher(lambda now_ns, count: counts.append(count), lambda: counts[-1] > STOPPED_BEHIND)
    folder = begun(LONG, tmp_path / "stopped")
    assert Recording(LONG, folder, Means("inproc"), late).record().status == "interrupted"
    assert counted.loaded == []
    file = folder.cache / LAST_NAME
    if what == "deleted":
        shutil.rmtree(folder.cache)
    elif what == "damaged":
        damaged = bytearray(file.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        file.write_bytes(damaged)
    counted.linked.clear()
    assert resume(LONG, folder).status == "completed"
    assert digest_of(folder.path) == digest_of(run.path)
    assert len(counted.loaded) == (what == "kept")
    assert (sum(counted.linked) < SMALL.exact_count_max) == (what == "kept")


def test_files_that_are_ahead_of_a_log_that_lost_its_end_make_no_difference(
    run: RunFolder, tmp_path: Path
) -> None:
    for cut in Random(1).sample(commit_ends(run.path), 3):
        folder = cut_copy(run.path, tmp_path / f"cut{cut}", cut)
        shutil.copytree(run.cache, folder.cache, dirs_exist_ok=True)
        assert resume(LONG, folder).status == "completed"
        assert digest_of(folder.path) == digest_of(run.path)


def test_the_proof_that_a_log_is_enough_links_nothing(
    run: RunFolder, tmp_path: Path, counted: Counted
) -> None:
    folder = RunFolder(shutil.copytree(run.path, tmp_path / "unproved"))
    shutil.rmtree(folder.observations)
    assert resume(LONG, folder).status == "completed"
    rebuilt = [event.data for event in read_events(folder.observations)]
    (witness,) = [b for b in rebuilt if isinstance(b, StateRebuilt) and b.agent == "witness"]
    assert witness.pattern_count > SMALL.exact_count_max
    assert counted == ([], [])


def test_proofs_read_no_files_and_nobody_but_a_run_writes_them(run: RunFolder, counted: Counted) -> None:
    before = contents(run.cache)
    assert simulate_again(run, lambda count: None).digest == digest_of(run.path)
    assert verify_run(run, lambda seq: None).is_complete
    assert counted.loaded == []
    what_if(run, CHANGED, lambda seq: None)
    assert contents(run.cache) == before


@pytest.fixture
def begun_with_many(tmp_path: Path) -> tuple[Scenario, RunFolder]:
    words = Random(1)
    letters = "bcdfghjklmnprstvwz"
    messages = [" ".join("".join(words.choices(letters, k=6)) for _ in range(5)) for _ in range(60)]
    file = write_file(tmp_path / "patterns", *map(pattern, messages))
    of = remembering(scenario("soak", duration="3h"), file)
    return of, record_with(of, tmp_path / "taught")


def test_witness_takes_the_graph_that_resolving_the_patterns_of_a_run_built(
    counted: Counted, begun_with_many: tuple[Scenario, RunFolder]
) -> None:
    run = begun_with_many[1]
    key = read_key(run.cache / BEGIN_NAME)
    assert key is not None
    assert key.vector_count > PROTOTYPE_COUNT + 50
    assert counted.loaded == [key.vector_count]
    what_if(run, CHANGED, lambda seq: None)
    assert counted.loaded == [key.vector_count] * 3


def test_who_resolves_the_patterns_of_a_run_again_takes_the_graph_that_was_left(
    tmp_path: Path, counted: Counted
) -> None:
    """As far as that can be: a pattern is compared with those before it, by a graph of no more than those."""
    messages = [f"wheel{letter} turns{letter}" for letter in "abcd"]
    of = remembering(scenario("soak"), write_file(tmp_path / "patterns", *map(pattern, messages)))
    folder = begun_with(of, tmp_path / "run")
    first = imports_of(of, folder, is_written=True)
    linked_count = sum(counted.linked)
    key = read_key(folder.cache / BEGIN_NAME)
    assert key is not None
    assert counted.loaded == []
    _imports.cache_clear()
    assert imports_of(of, folder, is_written=True) == first
    assert counted.loaded == [key.vector_count]
    assert sum(counted.linked) == linked_count
    _imports.cache_clear()
    assert imports_of(of, folder) == first
    assert counted.loaded == [key.vector_count], "who proves something reads no file"


def test_a_run_that_begins_with_much_has_the_same_log_without_the_file(
    tmp_path: Path, begun_with_many: tuple[Scenario, RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    of, run = begun_with_many
    monkeypatch.setattr(IndexCache, "load", lambda cache, keys: None)
    _imports.cache_clear()
    assert digest_of(record_with(of, tmp_path / "without").path) == digest_of(run.path)


def test_the_process_of_an_agent_is_told_where_its_files_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / LAST_NAME).write_text("no graph")
    settings = compose.agent_settings(LONG, "witness", GraphFiles(str(tmp_path), is_written=False))
    runtime = build_runtime_from_json(msgspec.json.encode(settings))
    for number in range(10):
        words = f"wheel{number} turns{number}"
        runtime.apply(PatternLearned(f"p{number}", "critical_error", words, True, 1, 0.5, 0.6))
    assert capsys.readouterr().err == ""
    runtime.handle_all([delivery(1)])
    assert f"trinity: {tmp_path / LAST_NAME}: this is no graph of patterns" in capsys.readouterr().err
