"""After a run: checks, report, charts and snapshots, from the log alone. Must not look elsewhere."""

from contextlib import suppress
from pathlib import Path

import msgspec

from analysis.cache import FOR_REPORT
from analysis.checks import Verdict, judge_run, run_checks
from analysis.database import open_database
from analysis.report import write_report
from analysis.sandbox import Sandboxed
from analysis.snapshots import write_logs, write_snapshots
from bus.bodies import RunStarted
from bus.errors import DamageError, EnvironmentProblem
from bus.upcasters import SCHEMA_VERSION
from simulator.embedding import with_own_head
from simulator.errors import ScenarioError
from simulator.roles import AGENTS
from simulator.scenario import Scenario
from simulator.scenario_file import parse_scenario, scenario_folder, scenario_names
from simulator.weights import with_own_weights
from store.errors import NotARun
from store.layout import has_log
from store.log_reader import read_events, schema_version_of
from store.run_folder import RunFolder


def checks_folder(scenario: Scenario) -> Path:
    """The folder of the checks that judge runs of a scenario."""
    return scenario_folder(scenario.checks) / "checks"


def scenario_of(run: RunFolder) -> Scenario:
    """The scenario of a run as it was resolved; the one that its log was begun with, if that can be told.

    It cannot for a log of an older schema, nor for one without an event.

    Raises:
        DamageError: there is a log, and its scenario is missing, or is another one.
        NotARun: the folder has neither.
        ScenarioError: the scenario cannot be read, and nothing says that it ever could.
        EnvironmentProblem: the system refuses to read it.
    """
    begun_with = sha256_on_log(run)
    content = _scenario_content(run)
    try:
        scenario = parse_scenario(content, str(run.scenario))
    except ScenarioError as error:
        if begun_with is None:
            raise
        raise DamageError(f"{error}; or restore the file from a copy") from None
    if begun_with not in (None, scenario.sha256()):
        problem = "is not the one that the log was begun with; restore it from a copy"
        raise DamageError(f"{run.scenario} {problem}")
    return with_own_head(with_own_weights(scenario, run), run)


def _scenario_content(run: RunFolder) -> bytes:
    try:
        return run.scenario.read_bytes()
    except FileNotFoundError:
        if not has_log(run.events):
            raise NotARun(run.path, "it has no scenario.toml") from None
        verify = f"`trinity verify {run.path}` checks the log without it"
        raise DamageError(f"{run.scenario}: the file is missing; restore it from a copy; {verify}") from None
    except OSError as error:
        problem = f"cannot be read: {error.strerror}; make it readable or copy the run"
        raise EnvironmentProblem(f"{run.scenario}: {problem}") from None


def sha256_on_log(run: RunFolder) -> str | None:
    """Of the scenario, by the first event; None if that does not say it as it would be said today."""
    # Whoever reads the log tells what is wrong with it, and tells it better.
    with suppress(DamageError):
        if has_log(run.events) and schema_version_of(run.events) == SCHEMA_VERSION:
            first = next(read_events(run.events), None)
            if first is not None and isinstance(first.data, RunStarted):
                return first.data.scenario_sha256
    return None


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
    if scenario.feedback is not None:
        limits["is_reviewed"] = {"executor": 1}
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
