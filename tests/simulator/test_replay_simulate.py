"""A run simulated again from its own scenario is the log that it left, to the byte."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from agents.agent import Context
from agents.architect import Architect
from bus.bodies import ModelCalled
from bus.codec import seal_line
from bus.errors import DamageError, InputError
from bus.events import Draft, Message
from simulator.replay_compare import NOTHING, Divergence, ReplayDiverged
from simulator.replay_simulate import ComparingLog, Simulated, simulate_again
from store.log_reader import read_events
from store.manifest import read_manifest
from store.run_folder import RunFolder
from tests.simulator.builders import record, scenario
from tests.simulator.replay_logs import SOAK, changed_at, kept, lines_of, number, written


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    of = scenario(duration="1h", event_interval="5m", metrics_interval="10m")
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "run")
    record(of, folder.path)
    folder.scenario.write_text(of.to_toml())
    return folder


def copy(run: RunFolder, folder: Path) -> RunFolder:
    shutil.copytree(run.path, folder / "copy")
    return RunFolder(folder / "copy")


def simulated(run: RunFolder) -> Simulated:
    return simulate_again(run, lambda count: None)


def divergence(run: RunFolder) -> Divergence:
    with pytest.raises(ReplayDiverged) as caught:
        simulated(run)
    return caught.value.divergence


def test_a_complete_run_comes_out_with_the_same_digest(run: RunFolder) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    found = simulated(run)
    manifest = read_manifest(run.events)
    assert manifest is not None
    assert found.is_complete
    assert found.digest == found.recorded_digest == manifest.digest
    assert found.event_count == manifest.last_seq
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before


def test_a_run_that_was_killed_comes_out_up_to_the_end_of_its_log(run: RunFolder, tmp_path: Path) -> None:
    lines = lines_of(run)
    last_seq = number(lines[len(lines) // 2], "commit_seq")
    cut = copy(run, tmp_path)
    written(cut, [line for line in lines if number(line, "commit_seq") <= last_seq], closes=False)
    found = simulated(cut)
    assert found.event_count == last_seq
    assert not found.is_complete
    assert found.recorded_digest is None


def test_a_run_that_was_interrupted_comes_out_up_to_its_interruption(run: RunFolder, tmp_path: Path) -> None:
    lines = lines_of(run)
    last_seq = number(lines[len(lines) // 2], "commit_seq")
    kept_lines = [line for line in lines if number(line, "commit_seq") <= last_seq]
    end = lines[-1] | {
        "seq": last_seq + 1,
        "commit_seq": last_seq + 1,
        "correlation_seq": last_seq + 1,
        "time_ns": kept_lines[-1]["time_ns"],
        "data": {"status": "interrupted", "reason": "stopped from outside"},
    }
    cut = copy(run, tmp_path)
    written(cut, [*kept_lines, end])
    found = simulated(cut)
    assert found.event_count == last_seq
    assert not found.is_complete


@pytest.mark.parametrize("nth", [0, 40, -1])
def test_a_log_that_was_changed_anywhere_is_found_at_that_event(
    run: RunFolder, tmp_path: Path, nth: int
) -> None:
    other = copy(run, tmp_path)
    seq = changed_at(other, nth)
    assert divergence(other).seq == seq


def test_an_event_too_many_at_the_end_is_found(run: RunFolder, tmp_path: Path) -> None:
    lines = lines_of(run)
    other = copy(run, tmp_path)
    last = lines[-1]
    seq = number(last, "seq")
    more = last | {"seq": seq + 1, "commit_seq": seq + 1, "correlation_seq": seq + 1}
    written(other, [*lines, more])
    assert (divergence(other).seq, divergence(other).replayed) == (seq + 1, NOTHING)


def test_another_decision_is_found_with_its_chain(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = Architect.handle

    def handled(self: Architect, message: Message, context: Context) -> Sequence[Draft]:
        context.compute(1)
        return handle(self, message, context)

    monkeypatch.setattr(Architect, "handle", handled)
    found = divergence(run)
    first = next(e for e in read_events(run.events) if isinstance(e.data, ModelCalled))
    assert found.source in ("architect", "sequencer")
    assert found.seq <= first.seq
    assert found.chain[-1].seq == found.seq


def test_another_scenario_than_that_of_the_log_is_no_divergence(run: RunFolder, tmp_path: Path) -> None:
    other = copy(run, tmp_path)
    text = other.scenario.read_text()
    other.scenario.write_text(text.replace("seed = 1", "seed = 2"))
    with pytest.raises(DamageError, match="not the one that the log was begun with"):
        simulated(other)


def test_a_log_of_an_older_schema_is_sent_to_the_other_proof() -> None:
    with pytest.raises(InputError, match="--verify"):
        simulated(kept(SOAK))


def test_a_log_that_compares_holds_what_is_the_same_and_writes_nothing() -> None:
    events = [b'{"seq":1}', b'{"seq":2}']
    first = seal_line(events[0], 0)
    lines = [first.line, seal_line(events[1], first.crc).line]
    log = ComparingLog(iter(lines), is_complete=True)
    log.append(1, events)
    log.finish()
    assert (log.last_seq, log.commit_count) == (2, 1)
