"""After a run: checks, report, charts and snapshots, from the log alone. Must not look elsewhere."""

from pathlib import Path

from analysis.cache import FOR_REPORT
from analysis.checks import Verdict, run_checks
from analysis.database import open_database
from analysis.report import write_report
from analysis.snapshots import write_logs, write_snapshots
from simulator.scenario import Scenario
from simulator.scenario_file import parse_scenario, scenario_folder
from store.errors import NotARun
from store.run_folder import RunFolder


def checks_folder(scenario: Scenario) -> Path:
    """The folder of the checks that judge runs of a scenario."""
    return scenario_folder(scenario.checks) / "checks"


def scenario_of(run: RunFolder) -> Scenario:
    """The scenario of a run as it was resolved.

    Raises:
        NotARun: the folder has no scenario.
        ScenarioError: it cannot be read.
    """
    try:
        content = run.scenario.read_bytes()
    except OSError:
        raise NotARun(run.path, "it has no scenario.toml") from None
    return parse_scenario(content, str(run.scenario))


def judge(run: RunFolder) -> Verdict:
    """The verdict of the checks that the run's own scenario names."""
    folder = checks_folder(scenario_of(run))
    with open_database(run) as database:
        return run_checks(database, folder)


def judge_and_report(run: RunFolder) -> Verdict:
    """Judge the run and write report, charts, snapshots and logs into its folder."""
    folder = checks_folder(scenario_of(run))
    with open_database(run, limits=FOR_REPORT) as database:
        verdict = run_checks(database, folder)
        write_report(run, database, verdict)
        write_snapshots(run, database)
        write_logs(run, database)
    return verdict
