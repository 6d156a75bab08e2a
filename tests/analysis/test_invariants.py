"""What is true of every run: see also tests/torture/test_sabotage.py, which breaks each invariant."""

import json
import shutil
from pathlib import Path

import pytest

from analysis.checks import Check, judge_run, read_invariants, run_invariants
from analysis.database import Database, open_database
from bus import bodies
from bus.errors import InputError
from bus.permissions import EVENTS
from store.run_folder import RunFolder
from tests.analysis.conftest import CHECKS
from tests.analysis.synthetic import Options, Synthetic
from tests.analysis.synthetic_faults import LIMITS, faulty_log

CORPUS = Path(__file__).parents[1] / "golden" / "corpus"


@pytest.mark.parametrize("invariant", read_invariants(), ids=lambda invariant: invariant.name)
def test_an_invariant_is_mandatory_and_is_about_every_event(invariant: Check) -> None:
    assert (invariant.level, bool(invariant.target)) == ("mandatory", True)
    assert invariant.sections["population"] == "select count(*) from events;"
    assert set(invariant.sections) == {"population", "violations"}


def test_a_good_run_keeps_all_with_and_without_the_limits_of_its_scenario(good: Database) -> None:
    for limits in (None, json.dumps(LIMITS | {"queue_depth_max": {"telemetry_stream": 9}})):
        results = run_invariants(good, limits)
        assert [result.name for result in results if not result.passed] == []
        assert len(results) == len(read_invariants())


def test_an_empty_log_keeps_none(empty_run: RunFolder) -> None:
    with open_database(empty_run) as database:
        assert not any(result.passed for result in run_invariants(database))


@pytest.mark.parametrize("events_kept", [1, 5, 100, 300, 500])
def test_a_run_that_was_cut_off_keeps_them_as_far_as_it_went(tmp_path: Path, events_kept: int) -> None:
    log = faulty_log()
    last = log.events[events_kept - 1].commit_seq
    log.events = log.events[:last]
    log.drop(*log.of(bodies.RunResumed))
    with open_database(log.write(tmp_path / "run", close=False)) as database:
        broken = [result for result in run_invariants(database, json.dumps(LIMITS)) if not result.passed]
    assert broken == []


@pytest.mark.parametrize("name", sorted(path.name for path in CORPUS.iterdir() if path.is_dir()))
def test_runs_of_former_versions_keep_them(tmp_path: Path, name: str) -> None:
    shutil.copytree(CORPUS / name, tmp_path / name)
    with open_database(RunFolder(tmp_path / name)) as database:
        assert [result.name for result in run_invariants(database) if not result.passed] == []


def test_a_violation_says_where_who_and_what(tmp_path: Path) -> None:
    log = faulty_log()
    log.change(log.of(bodies.AgentHeartbeat)[30], handled_count=999)
    with open_database(log.write(tmp_path / "run")) as database:
        [broken] = [result for result in run_invariants(database) if not result.passed]
    assert broken.violation_columns == ("seq", "subject", "problem")
    assert "999 handled, by the log" in str(broken.violations[0][2])


def test_judging_twice_gives_the_same(good: Database) -> None:
    assert run_invariants(good) == run_invariants(good)


def test_limits_that_are_no_limits_are_refused(good: Database) -> None:
    with pytest.raises(InputError):
        run_invariants(good, '{"queue_depth_max": "many"}')


def test_a_verdict_needs_every_invariant(tmp_path: Path) -> None:
    log = Synthetic(Options())
    with open_database(log.write(tmp_path / "good")) as database:
        assert judge_run(database, CHECKS).passed
    log.change(log.of(bodies.AgentHeartbeat)[30], handled_count=999)
    with open_database(log.write(tmp_path / "bad")) as database:
        verdict = judge_run(database, CHECKS)
    assert all(result.passed for result in verdict.checks)
    assert not verdict.passed


def test_the_table_of_permissions_is_the_one_of_the_bus(good: Database) -> None:
    """The invariant has a table of its own, so that a mistake in one of them is seen."""
    [invariant] = [check for check in read_invariants() if check.name == "permissions"]
    table = invariant.sections["violations"].split("\nselect published.seq")[0]
    own = good.query(f"{table} select source, type, queue from own").rows
    assert set(own) == {(source, *publication) for source, all_of in EVENTS.items() for publication in all_of}
