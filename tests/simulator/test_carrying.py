"""Runs that learn from runs: the log is enough to resume, verify and simulate them, and nothing is lost."""

from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from agents.usefulness import FEEDBACK_WORTH, WORTHY_FEEDBACKS_MAX
from analysis.database import open_database
from bus.bodies import (
    AgentCrashed,
    AgentStarted,
    PatternDetected,
    PatternForgotten,
    PatternImported,
    PatternLearned,
    RunStarted,
)
from bus.errors import EnvironmentProblem, InputError
from bus.events import Event
from simulator.carrying import Learned, carry, learned_by, run_name, write_memory
from simulator.importing import imports_of
from simulator.incarnation import Watcher
from simulator.judging import judge, scenario_of
from simulator.persistence import compare_persistence
from simulator.recollection import Recollection
from simulator.recording import Means, Recording
from simulator.replay_simulate import simulate_again
from simulator.replay_verify import verify_run
from simulator.scenario import Scenario
from simulator.what_if import what_if
from store.log_reader import read_events
from store.run_folder import RunFolder
from tests.simulator.builders import digest_of, scenario
from tests.simulator.remembering import (
    begun_with,
    crashes,
    pattern,
    patterns_in,
    record_with,
    recorded_and_carried,
    remembering,
    short_soak,
    write_file,
)
from tests.simulator.short_chaos import commit_ends, cut_copy, resume

TAUGHT = PatternImported("p", "duplication", "copied", 2, 1, "a:1", 5, "b:2", 6)


STOPPING = Watcher(lambda now_ns, count: None, lambda: True)


class Days(NamedTuple):
    """Two runs, the second of which began with what the first had learned. Not to be changed."""

    first: RunFolder
    second: RunFolder
    scenario: Scenario
    """Of the second."""
    memory: Path
    """What the second began with."""


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    folder = tmp_path_factory.mktemp("days")
    memory = folder / "patterns"
    first = recorded_and_carried(memory, folder / "day-1")
    scenario = short_soak(memory)
    return Days(first, record_with(scenario, folder / "day-2"), scenario, memory)


def told(seq: int, body: PatternImported | PatternLearned | PatternForgotten) -> Event:
    return Event(seq, seq, body.TYPE, "witness", None, None, seq, seq, body)


def lesson(pattern_id: str, *, confirmed: bool = True) -> PatternLearned:
    return PatternLearned(pattern_id, "duplication", "copied", confirmed, 1, 0.5, 0.5)


def test_a_run_begins_with_what_the_one_before_learned(days: Days) -> None:
    begin = [event for event in read_events(days.second.events) if event.seq <= 60]
    bodies = [event.data for event in begin]
    imports = [event for event in begin if isinstance(event.data, PatternImported)]
    assert isinstance(bodies[0], RunStarted)
    assert isinstance(bodies[len(imports) + 1], AgentStarted)
    assert {(event.source, event.commit_seq) for event in imports} == {("sequencer", len(imports) + 1)}
    taught = {event.seq: event.data for event in read_events(days.first.events)}
    assert len(imports) == len(patterns_in(days.memory)) > 3
    for event in imports:
        body = event.data
        assert isinstance(body, PatternImported)
        assert body.first_run == body.last_run == run_name(days.first)
        lesson_before = taught[body.first_seq]
        assert isinstance(lesson_before, PatternLearned)
        assert (lesson_before.pattern_id, lesson_before.message) == (body.pattern_id, body.message)


def test_what_an_earlier_run_had_confirmed_is_surer_at_its_first_sight(days: Days) -> None:
    before, after = first_sights(days.first), first_sights(days.second)
    confirmed = {p.message: p for p in imported(days.second) if p.confirmed_count > p.refuted_count}
    seen = [message for message in before if message in after and message in confirmed]
    assert seen
    for message in seen:
        assert after[message].nearest_pattern == confirmed[message].pattern_id
        assert after[message].similarity > 0.99
    gains = [after[message].confidence - before[message].confidence for message in seen]
    assert min(gains) >= 0 < max(gains)


def first_sights(run: RunFolder) -> dict[str, PatternDetected]:
    """The first detection in each message."""
    found: dict[str, PatternDetected] = {}
    for event in read_events(run.events):
        if isinstance(event.data, PatternDetected):
            found.setdefault(event.data.message, event.data)
    return found


def imported(run: RunFolder) -> list[PatternImported]:
    return [event.data for event in read_events(run.events) if isinstance(event.data, PatternImported)]


def test_all_checks_pass_on_a_run_that_remembers(days: Days) -> None:
    failed = [check.name for check in judge(days.second).checks if not check.passed]
    assert set(failed) <= {check.name for check in judge(days.first).checks if not check.passed}
    assert all(compared.is_equal for compared in compare_persistence(days.second))


def test_agents_as_processes_write_the_same_log(days: Days, tmp_path: Path) -> None:
    run = record_with(days.scenario, tmp_path / "run", "processes")
    assert digest_of(run.path) == digest_of(days.second.path) is not None


def test_a_run_that_remembers_is_verified_and_simulated_again(days: Days) -> None:
    assert verify_run(days.second, lambda count: None).state_count == 3
    simulated = simulate_again(days.second, lambda count: None)
    assert simulated.is_complete
    assert simulated.digest == simulated.recorded_digest


def test_other_thresholds_are_tried_on_what_was_known(days: Days) -> None:
    found = what_if(days.second, ["witness.threshold.feature_request=0.7"], lambda count: None)
    lessons = [e for e in read_events(days.second.events) if isinstance(e.data, PatternLearned)]
    assert found.lesson_count == len(lessons)


@pytest.mark.parametrize("cut", ["first commit", "middle", "end"])
def test_a_run_that_remembers_and_was_killed_goes_on_to_the_same_log(
    cut: str, days: Days, tmp_path: Path
) -> None:
    ends = commit_ends(days.second.path)
    seq = {"first commit": ends[0], "middle": ends[len(ends) // 2], "end": ends[-2]}[cut]
    folder = cut_copy(days.second.path, tmp_path / "cut", seq, b'{"seq":')
    folder.memory.write_bytes(days.second.memory.read_bytes())
    assert resume(days.scenario, folder).status == "completed"
    assert digest_of(folder.path) == digest_of(days.second.path)
    assert all(compared.is_equal for compared in compare_persistence(folder))


def test_agents_that_crash_know_again_what_earlier_runs_taught(days: Days, tmp_path: Path) -> None:
    chaos = remembering(scenario("chaos", duration="3h", seed=4), days.memory)
    run = record_with(chaos, tmp_path / "run")
    assert len(imported(run)) == len(patterns_in(days.memory))
    bodies = [event.data for event in read_events(run.events)]
    assert "witness" in {body.agent for body in bodies if isinstance(body, AgentCrashed)}
    assert verify_run(run, lambda count: None).state_count == 3
    assert simulate_again(run, lambda count: None).is_complete
    assert all(compared.is_equal for compared in compare_persistence(run))


def test_what_was_recognised_from_earlier_runs_can_be_asked(days: Days) -> None:
    with open_database(days.second) as database:
        rows = database.named("cross_session_matches").rows
        patterns = database.query("select * from patterns")
        own = database.query("select count(*) from patterns where first_run is null").rows[0][0]
    with open_database(days.first) as database:
        assert not database.named("cross_session_matches").rows
        assert database.query("select count(*) from patterns where is_imported").rows == [(0,)]
    assert rows
    assert {row[8] for row in rows} == {run_name(days.first)}
    known = {row[patterns.columns.index("pattern_id")]: row for row in patterns.rows}
    assert len(known) == len(patterns.rows)
    by_fold = learned_by(days.second)
    assert own == sum(p.first_run == run_name(days.second) for p in by_fold)
    counts = [patterns.columns.index(name) for name in ("confirmed_count", "refuted_count", "last_seq")]
    assert sorted((known[key][counts[0]], known[key][counts[1]], known[key][counts[2]]) for key in known) == (
        sorted((p.confirmed_count, p.refuted_count, p.last_seq) for p in by_fold)
    )


def test_counts_grow_from_run_to_run_and_the_first_teacher_is_remembered(tmp_path: Path) -> None:
    memory = tmp_path / "patterns"
    first = recorded_and_carried(memory, tmp_path / "day-1")
    before = {(p.kind, p.message): p for p in patterns_in(memory)}
    second = recorded_and_carried(memory, tmp_path / "day-2")
    after = {(p.kind, p.message): p for p in patterns_in(memory)}
    assert before.keys() <= after.keys()
    again = [key for key in before if after[key].last_run == run_name(second)]
    assert again
    for key in again:
        assert after[key].first_run == run_name(first)
        assert after[key].confirmed_count > before[key].confirmed_count


def test_runs_that_end_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    memory = tmp_path / "patterns"
    runs = [record_with(short_soak(memory, seed), tmp_path / f"run-{seed}") for seed in (1, 2)]
    first, second = carry(runs[0]), carry(runs[1])
    assert first is not None
    assert second is not None
    assert (first.path, first.is_aside, second.is_aside) == (memory, False, True)
    assert second.path.name.startswith("patterns.run-2-")
    assert {p.first_run for p in patterns_in(memory)} == {run_name(runs[0])}
    assert {p.first_run for p in patterns_in(second.path)} == {run_name(runs[1])}
    assert carry(runs[1]) == second


def test_what_nobody_could_write_is_said_and_can_be_written_later(days: Days, tmp_path: Path) -> None:
    memory = tmp_path / "folder" / "patterns"
    memory.parent.mkdir()
    run = record_with(short_soak(memory), tmp_path / "run")
    memory.parent.rmdir()
    with pytest.raises(EnvironmentProblem, match="cannot be written"):
        carry(run)
    written = write_memory(run, tmp_path / "later")
    assert len(patterns_in(written.path)) == written.pattern_count > 0
    with pytest.raises(InputError, match="exists already"):
        write_memory(run, tmp_path / "later")


def test_what_a_run_has_no_room_for_stays_in_the_file_behind_what_it_knew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_file(tmp_path / "patterns", *[pattern(message, 3) for message in crashes(80)])
    soak = scenario("soak", duration="2h")
    narrow = replace(soak, witness=replace(soak.witness, patterns_max=100))
    run = record_with(remembering(narrow, path), tmp_path / "run")
    left_out = imports_of(scenario_of(run), run).left_out
    assert 80 > len(left_out) > 20
    learned = learned_by(run)
    carried = carry(run)
    assert carried is not None
    assert patterns_in(path) == [*learned, *left_out]
    assert (carried.pattern_count, carried.dropped_count) == (len(learned) + len(left_out), 0)
    written = write_memory(run, tmp_path / "later")
    assert written.path.read_bytes() == path.read_bytes()
    monkeypatch.setattr("store.pattern_file.PATTERNS_MAX", len(learned) + 1)
    bounded = write_memory(run, tmp_path / "bounded")
    assert patterns_in(bounded.path) == [*learned, left_out[0]]
    assert bounded.dropped_count == len(left_out) - 1


def test_a_run_that_was_interrupted_teaches_nothing_until_it_is_resumed(tmp_path: Path) -> None:
    """Its log has another digest then, by which it would be called."""
    memory = tmp_path / "patterns"
    of = short_soak(memory)
    run = begun_with(of, tmp_path / "run")
    assert Recording(of, run, Means("inproc"), STOPPING).record().status == "interrupted"
    for refused in (lambda: learned_by(run), lambda: carry(run), lambda: write_memory(run, memory)):
        with pytest.raises(InputError, match=rf"`trinity resume {run.path}` brings it") as refusal:
            refused()
        assert "\n" not in str(refusal.value)
    assert not memory.exists()
    assert resume(of, run).status == "completed"
    assert carry(run) is not None
    assert {p.first_run for p in patterns_in(memory)} == {run_name(run)}


def test_what_is_handed_on_comes_in_the_order_in_which_it_would_stay() -> None:
    learned = Learned("c:3")
    often = replace(TAUGHT, pattern_id="often", message="often", confirmed_count=10**6)
    rarely = replace(TAUGHT, pattern_id="rarely", message="rarely", confirmed_count=1, refuted_count=0)
    bodies: list[PatternImported | PatternLearned] = [often, rarely, *[lesson(f"new-{n}") for n in (1, 2)]]
    for seq, body in enumerate(bodies, start=1):
        learned.apply(told(seq, body))
    assert [(p.message, p.last_seq) for p in learned.patterns()] == [
        ("often", 6),
        ("copied", 4),
        ("copied", 3),
        ("rarely", 6),
    ]
    for seq in range(5, 5 + FEEDBACK_WORTH * WORTHY_FEEDBACKS_MAX):
        learned.apply(told(seq, lesson("new-2")))
    learned.apply(told(seq + 1, lesson("new-3")))
    assert [p.message for p in learned.patterns()] == ["copied", "copied", "often", "copied", "rarely"]


def test_a_run_without_a_memory_carries_nothing(tmp_path: Path) -> None:
    run = record_with(scenario("soak", duration="2h"), tmp_path / "run")
    assert carry(run) is None
    assert not run.memory.exists()


def test_a_pattern_keeps_its_first_teacher_until_it_is_forgotten() -> None:
    learned = Learned("c:3")
    for event in (told(1, TAUGHT), told(2, lesson("p", confirmed=False)), told(3, lesson("q"))):
        learned.apply(event)
    p, q = learned.patterns()
    assert (p.confirmed_count, p.refuted_count, p.first_run, p.first_seq) == (2, 2, "a:1", 5)
    assert (p.last_run, p.last_seq) == ("c:3", 2)
    assert (q.first_run, q.first_seq, q.last_seq) == ("c:3", 3, 3)
    learned.apply(told(4, PatternForgotten("p", "duplication", "copied", 4, 100)))
    learned.apply(told(5, lesson("p")))
    again, _ = learned.patterns()
    assert (again.confirmed_count, again.first_run, again.first_seq) == (1, "c:3", 5)


def test_witness_is_told_before_the_run_begins_and_only_once() -> None:
    events: list[Event] = []
    recollection = Recollection(lambda from_seq: events[from_seq - 1 :], [TAUGHT])
    assert recollection.recalled("witness").bodies == (TAUGHT,)
    assert recollection.recalled("executor").bodies == ()
    events.append(Event(1, 1, TAUGHT.TYPE, "sequencer", None, None, 1, 1, TAUGHT))
    assert recollection.recalled("witness").bodies == (TAUGHT,)


def test_a_file_with_one_pattern_is_enough(tmp_path: Path) -> None:
    path = write_file(tmp_path / "patterns", pattern("Gateway crashed with a segmentation fault", 7))
    run = record_with(short_soak(path), tmp_path / "run")
    carried = carry(run)
    assert carried is not None
    assert patterns_in(path)[0].confirmed_count == 7
