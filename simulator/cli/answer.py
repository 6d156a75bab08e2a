"""``trinity sql``, ``report``, ``check`` and ``replay``: answers about a run. Must not change its log."""

from typing import Annotated

import typer

from analysis.catalog import find_query, named_queries
from analysis.checks import Verdict
from analysis.database import Result, open_database
from analysis.sandbox import ask
from bus.errors import InputError
from simulator.cli import present
from simulator.cli.output import print_json, print_table, say
from simulator.cli.replay import REPLAY_EXAMPLES, replay
from simulator.cli.run import RUNS_DIR, Json
from simulator.cli.teach import examples
from simulator.exit_codes import ExitCode
from simulator.judging import judge, judge_and_report
from store.run_folder import RunFolder

Run = Annotated[str, typer.Argument(help="A run: its name under runs/, its path, or latest.")]
SQL_EXAMPLES = examples(
    ("trinity sql --list", "what can be asked by name"),
    ("trinity sql latest @detection_accuracy", ""),
    ("trinity sql latest @chain --chain 10", "an event, what led to it and what followed"),
    ('trinity sql latest "select type, count(*) from events group by all"', ""),
    ('trinity sql latest "describe detections"', "the columns of a view"),
)


def add_to(app: typer.Typer) -> None:
    app.command("sql", epilog=SQL_EXAMPLES)(sql)
    app.command("replay", epilog=REPLAY_EXAMPLES)(replay)
    app.command("report", epilog=examples(("trinity report latest", "")))(report)
    app.command("check", epilog=examples(("trinity check latest", "")))(check)


def sql(
    run: Annotated[
        str | None, typer.Argument(help="A run: its name under runs/, its path, or latest.")
    ] = None,
    query: Annotated[str | None, typer.Argument(help="SQL, or the name of a query like @confusion.")] = None,
    list_queries: Annotated[bool, typer.Option("--list", help="List the named queries.")] = False,
    chain: Annotated[int | None, typer.Option(help="For @chain: the seq of any event of the chain.")] = None,
    json: Json = False,
) -> None:
    """Ask SQL about a run, finished or not. The dialect is DuckDB's.

    The views: events, deliveries, detections, truths, tasks, model_calls, budget, alerts, ...; ask
    "show tables" for all, "describe detections" for columns.
    """
    if list_queries or run is None:
        _list_queries(json=json)
        return
    folder = RunFolder.open(run, RUNS_DIR)
    if query is None or not query.strip():
        raise InputError('no question; give SQL like "select * from events limit 5", or @name (see --list)')
    variables = {} if chain is None else {"correlation_seq": chain}
    if query.startswith("@"):
        _show(_named(folder, query, variables), query, json=json)
    else:
        _show(ask(folder, query, variables), "", json=json)


def report(run: Run, json: Json = False) -> int:
    """Judge the run, write its report, charts and snapshots again, and say where they are."""
    folder = RunFolder.open(run, RUNS_DIR)
    verdict = judge_and_report(folder)
    if json:
        print_json({"run": str(folder.path), "report": str(folder.report), "passed": verdict.passed})
    else:
        say(str(folder.report))
    return ExitCode.OK


def check(run: Run, json: Json = False) -> int:
    """Judge the run by the checks of its scenario. Exit code 1 when one of them fails."""
    folder = RunFolder.open(run, RUNS_DIR)
    verdict = judge(folder)
    if json:
        print_json(
            {
                "run": str(folder.path),
                "passed": verdict.passed,
                "checks": [
                    {"name": c.name, "passed": c.passed, "population": c.population, "finding": c.finding}
                    for c in verdict.checks
                ],
                "invariants": [
                    {"name": c.name, "passed": c.passed, "population": c.population, "finding": c.finding}
                    for c in verdict.invariants
                ],
            }
        )
    else:
        present.verdict_lines(verdict)
        _present_violations(verdict)
    return ExitCode.OK if verdict.passed else ExitCode.CHECK_FAILED


def _named(folder: RunFolder, query: str, variables: dict[str, int]) -> Result:
    text = find_query(query).sql
    with open_database(folder) as database:
        for name, value in variables.items():
            database.set_variable(name, value)
        return database.query(text)


def _list_queries(*, json: bool) -> None:
    queries = named_queries()
    if json:
        print_json([{"name": q.name, "title": q.title, "header": q.header} for q in queries])
        return
    print_table("", ("query", "answers"), [(f"@{q.name}", q.title) for q in queries])
    say("Ask one with: trinity sql RUN @NAME")


def _show(result: Result, title: str, *, json: bool) -> None:
    if json:
        print_json(result.records())
        return
    print_table(title, result.columns, result.rows)
    note = f"the first {len(result.rows):,} rows; add a limit" if result.is_truncated else ""
    if note or not result.rows:
        say(note or "no rows")


def _present_violations(verdict: Verdict) -> None:
    for result in (*verdict.checks, *verdict.broken):
        if result.violations:
            print_table(f"{result.title}: violations", result.violation_columns, result.violations)
