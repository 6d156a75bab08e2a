"""Views, queries, alerts and the report on a run with faults, against a plain fold over its events."""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from analysis.checks import judge_run, read_check, run_check
from analysis.database import Database, open_database
from analysis.report import render_report
from bus import bodies
from store.run_folder import RunFolder
from tests.analysis.conftest import CHECKS
from tests.analysis.synthetic import S, Synthetic
from tests.analysis.synthetic_faults import faulty_log
from tests.torture.sabotage_tools import body_of, insert, nth

CORPUS = Path(__file__).parents[1] / "golden" / "corpus"


@pytest.fixture(scope="module")
def log() -> Synthetic:
    return faulty_log()


@pytest.fixture(scope="module")
def faulty_run(log: Synthetic, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return log.write(tmp_path_factory.mktemp("runs") / "faulty")


@pytest.fixture(scope="module")
def faulty(faulty_run: RunFolder) -> Iterator[Database]:
    with open_database(faulty_run) as database:
        yield database


def test_each_firing_is_a_row_and_each_rule_is_counted(faulty: Database, log: Synthetic) -> None:
    fired = log.of(bodies.FaultInjected)
    rows = faulty.named("faults").records()
    assert [row["seq"] for row in rows] == [event.seq for event in fired]
    counts = Counter(str(row["rule"]) for row in rows)
    said = {str(row["rule"]): row["fired_count"] for row in faulty.named("fault_counts").records()}
    assert said == {**counts, "never": 0}


def test_what_followed_a_rule_is_told_of_the_events_that_it_hit(faulty: Database) -> None:
    [lost] = [row for row in faulty.named("fault_counts").records() if row["rule"] == "lost"]
    told = lost["event_count"], lost["handled_count"], lost["dead_letter_count"], lost["redelivered_count"]
    assert told == (2, 1, 1, 3)
    [copied] = [row for row in faulty.named("fault_counts").records() if row["rule"] == "copied"]
    assert (copied["event_count"], copied["handled_count"], copied["copy_count"]) == (1, 1, 1)


def test_an_outage_lasts_until_the_start_that_lasted(faulty: Database, log: Synthetic) -> None:
    outages = {str(row["kind"]): row for row in faulty.query("select * from outages").records()}
    assert set(outages) == {"crash", "amnesia"}
    starts = [e for e in log.of(bodies.AgentStarted) if getattr(e.data, "agent", "") == "witness"]
    assert (outages["amnesia"]["up_seq"], outages["amnesia"]["failed_restart_count"]) == (starts[-1].seq, 1)
    assert int(str(outages["amnesia"]["up_ns"])) - int(str(outages["amnesia"]["frozen_ns"])) == 3 * S
    assert outages["crash"]["failed_restart_count"] == 0


def test_recovery_is_counted_to_the_first_thing_handled(faulty: Database) -> None:
    [crash, _] = faulty.named("recovery_times").records()
    assert (crash["agent"], crash["away_s"], crash["recovery_s"], crash["waiting_count"]) == (
        "executor", 1.0, 21.0, 1,
    )  # fmt: skip


def test_redeliveries_and_dead_letters_say_what_became_of_the_event(faulty: Database) -> None:
    outcomes = [(row["redelivery_count"], row["outcome"]) for row in faulty.named("redeliveries").records()]
    assert outcomes == [(1, "acknowledged"), (1, "acknowledged"), (2, "dead_lettered")]
    causes = [row["cause"] for row in faulty.named("dead_letters").records()]
    assert causes == ["attempts_max", "redeliveries_max", "queue_full"]


@pytest.mark.parametrize(
    ("name", "cause"), [("v1-dead-letters", "attempts_max"), ("v1-full-queue", "queue_full")]
)
def test_dead_letters_of_version_1_have_the_cause_that_the_upcaster_gives_them(
    tmp_path: Path, name: str, cause: str
) -> None:
    shutil.copytree(CORPUS / name, tmp_path / name)
    with open_database(RunFolder(tmp_path / name)) as database:
        causes = {row["cause"] for row in database.named("dead_letters").records()}
    assert causes == {cause}


def test_a_crash_that_a_rule_made_is_no_crash_alert_and_one_that_none_made_is(tmp_path: Path) -> None:
    log = faulty_log()
    insert(log, nth(log, bodies.AgentHeartbeat, 30), bodies.AgentCrashed("architect", "exit code 1"))
    with open_database(log.write(tmp_path / "run")) as database:
        alerts = database.query("select alert, level, subject from alerts where alert like '%crash'").rows
        levels = database.query("select seq, rule from crashes order by seq").rows
        story = {row["seq"]: row["level"] for row in database.named("trinity_log").records()}
    assert sorted(alerts) == [
        ("agent_crash", "error", "architect"),
        ("injected_crash", "warning", "executor by rule killed"),
        ("injected_crash", "warning", "witness by rule amnesia"),
    ]
    assert [story[seq] for seq, rule in levels if rule is None] == ["ERROR"]
    assert [story[seq] for seq, rule in levels if rule is not None] == ["WARNING", "WARNING"]


def test_an_agent_that_a_rule_took_away_is_not_silent(tmp_path: Path) -> None:
    """The same silence without the rule is one."""
    for kind, silent in (("hang", []), ("slow", ["witness"])):
        log = faulty_log()
        fault = nth(log, bodies.FaultInjected, kind="amnesia")
        back = nth(log, bodies.AgentStarted, agent="witness", restart_count=2)
        until_ns = fault.time_ns + 2700 * S
        log.change(fault, kind=kind)
        log.move(back, time_ns=until_ns)
        log.drop(
            *(
                beat
                for beat in log.of(bodies.AgentHeartbeat)
                if getattr(beat.data, "agent", "") == "witness" and fault.time_ns < beat.time_ns < until_ns
            )
        )
        with open_database(log.write(tmp_path / kind)) as database:
            assert [agent for (agent,) in database.query("select agent from silences").rows] == silent


def test_the_report_tells_of_rules_and_of_invariants(faulty_run: RunFolder) -> None:
    with open_database(faulty_run) as database:
        report = render_report(database, judge_run(database, CHECKS), [])
    faults = report.split("## Faults\n")[1].split("\n## ")[0]
    assert "| never | delay | 0 | n/a | n/a | it never fired |" in faults
    assert "2 events hit, 1 handled, 1 given up, 3 times sent again" in faults
    assert "1 crashes, back after 1 s on average" in faults
    assert "### Outages" in faults
    assert "20 of 20 invariants hold" in report
    assert "Find out why an agent went away" not in report
    assert "- ✓ Zero crashes: 0 crashes detected, 3 agents." in report


def test_a_run_without_rules_has_no_section_about_them(good: Database) -> None:
    assert "## Faults" not in render_report(good, judge_run(good, CHECKS), [])


def test_a_broken_invariant_is_listed_with_its_violations(tmp_path: Path) -> None:
    log = faulty_log()
    log.change(nth(log, bodies.AgentHeartbeat, 30), handled_count=999)
    with open_database(log.write(tmp_path / "run")) as database:
        report = render_report(database, judge_run(database, CHECKS), [])
    assert "### Invariants (19 of 20 invariants hold)" in report
    assert "- ✗ Heartbeats tell the truth" in report
    assert "999 handled, by the log" in report


def test_resumptions_say_what_was_known(faulty: Database) -> None:
    rows = faulty.query("select what, cut_bytes, spent_nanousd is not null as spent from resumptions").rows
    assert rows == [("recovered", 7, False), ("resumed", None, True)]


def test_a_moment_that_was_sampled_again_after_a_resumption_counts_once(tmp_path: Path) -> None:
    log = faulty_log()
    sample = nth(log, bodies.ProcessSampled, 9)
    again = msgspec.structs.replace(body_of(sample, bodies.ProcessSampled), pid=4711, rss_bytes=1, cpu_ns=0)
    log.observe(sample.time_ns, again)
    with open_database(log.write(tmp_path / "run")) as database:
        rows = database.query(
            "select process_count, rss_bytes, cpu_ns from machine_samples order by time_ns"
        ).rows
    others = sum(
        body_of(other, bodies.ProcessSampled).rss_bytes
        for other in log.of(bodies.ProcessSampled)
        if other.time_ns == sample.time_ns and other is not sample
    )
    assert rows[3][:2] == (3, others)
    assert rows[0][2] is None
    assert all(isinstance(cpu_ns, int) and cpu_ns >= 0 for _, _, cpu_ns in rows[1:])


@pytest.mark.parametrize(("agent", "passed"), [("executor", True), ("architect", False)])
def test_a_process_that_was_killed_is_a_crash_unless_a_rule_took_its_agent_away(
    tmp_path: Path, agent: str, passed: bool
) -> None:
    log = faulty_log()
    log.observe(log.events[-1].time_ns, bodies.ProcessExited(agent, 4711, -9))
    with open_database(log.write(tmp_path / "run")) as database:
        crashes = run_check(database, read_check(CHECKS / "01_zero_crashes.sql"))
    assert crashes.passed is passed
