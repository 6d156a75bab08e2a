"""After a run: checks, report, charts and snapshots, from the log alone. Must not look elsewhere."""

from pathlib import Path

import msgspec

from analysis.cache import FOR_REPORT
from analysis.checks import Verdict, judge_run, run_checks
from analysis.database import open_database
from analysis.report import write_report
from analysis.sandbox import Sandboxed
from analysis.snapshots import write_logs, write_snapshots
from simulator.roles import AGENTS
from simulator.scenario import Scenario
from simulator.scenario_file import parse_scenario, scenario_folder, scenario_names
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


def limits_of(scenario: Scenario) -> str:
    """The bounds and prices of a scenario as the invariants take them: JSON, {name: {subject: value}}."""
    grants = {agent: scenario.budget.granted_nanousd(agent) for agent in AGENTS}
    limits: dict[str, dict[str, int]] = {
        "queue_depth_max": {name: queue.depth_max for name, queue in scenario.queues.items()},
        "budget_granted_nanousd": grants,
        "redeliveries_max": dict.fromkeys(scenario.queues, scenario.faults.redeliveries_max),
        "delivery_attempts_max": dict.fromkeys(AGENTS, scenario.retry.attempts_max),
        "input_nanousd_per_token": {t: spec.input_nanousd_per_token for t, spec in scenario.models.items()},
        "output_nanousd_per_token": {t: spec.output_nanousd_per_token for t, spec in scenario.models.items()},
    }
    return msgspec.json.encode(limits).decode()


def judge(run: RunFolder) -> Verdict:
    """The verdict of the checks that the run's own scenario names, and of the invariants."""
    scenario = scenario_of(run)
    checked = _checked_by_strangers(scenario, run)
    with open_database(run) as database:
        return judge_run(database, checks_folder(scenario), limits_of(scenario), checked)


def judge_and_report(run: RunFolder) -> Verdict:
    """Judge the run and write report, charts, snapshots and logs into its folder."""
    scenario = scenario_of(run)
    checked = _checked_by_strangers(scenario, run)
    with open_database(run, limits=FOR_REPORT) as database:
        verdict = judge_run(database, checks_folder(scenario), limits_of(scenario), checked)
        write_report(run, database, verdict)
        write_snapshots(run, database)
        write_logs(run, database)
    return verdict


def _checked_by_strangers(scenario: Scenario, run: RunFolder) -> Verdict | None:
    """What checks say that do not come with Trinity: somebody's SQL, asked as what a person types."""
    if scenario.checks in scenario_names():
        return None
    return run_checks(Sandboxed(run), checks_folder(scenario))
