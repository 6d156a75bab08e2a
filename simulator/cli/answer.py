"""``trinity sql``, ``report``, ``check`` and ``replay``: answers about a run. Must not change its log."""

from typing import Annotated

import typer

from analysis.catalog import find_query, named_queries
from analysis.checks import Verdict
from analysis.database import Database, Result, only_value, open_database
from analysis.sandbox import ask
from analysis.sql_files import sql_text
from bus.errors import InputError
from simulator.cli import present
from simulator.cli.experiment import experiment_answer
from simulator.cli.output import print_json, print_table, say
from simulator.cli.replay import REPLAY_EXAMPLES, replay
from simulator.cli.run import RUNS_DIR, Json
from simulator.cli.teach import examples
from simulator.exit_codes import ExitCode
from simulator.judging import judge, judge_and_report
from store.run_folder import RunFolder

Run = Annotated[str, typer.Argument(help="A run: its name under runs/, its path, or latest.")]
CHAIN_VARIABLE = "correlation_seq"
"""Which event --chain is about, as queries take it."""
EXPLAIN_COLUMNS = ("explain_key", "explain_value")
"""Of a plan, which is a drawing and no table."""
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
    answered = experiment_answer(run, query)
    if answered is not None:
        _show(answered, query or "", json=json)
        return
    folder = RunFolder.open(run, RUNS_DIR)
    if query is None or not query.strip():
        raise InputError('no question; give SQL like "select * from events limit 5", or @name (see --list)')
    if query.startswith("@"):
        result = _named(folder, query, chain)
        _show(result, query, json=json)
        if CHAIN_VARIABLE in find_query(query).variables and chain is None and result.rows and not json:
            say(f"This is the chain of event {result.rows[0][0]}, since no other is given with --chain.")
    else:
        _show(ask(folder, query, {} if chain is None else {CHAIN_VARIABLE: chain}), "", json=json)


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


def _named(folder: RunFolder, query: str, chain: int | None) -> Result:
    named = find_query(query)
    if chain is not None and CHAIN_VARIABLE not in named.variables:
        raise InputError(f"@{named.name} is not about one event; leave out --chain {chain}, or ask @chain")
    with open_database(folder) as database:
        if chain is not None:
            _check_event(database, chain)
            database.set_variable(CHAIN_VARIABLE, chain)
        return database.query(named.sql)


def _check_event(database: Database, seq: int) -> None:
    last_seq = int(str(only_value(database.query(sql_text("exports", "last_seq")))))
    if not 0 < seq <= last_seq:
        raise InputError(f"no event with seq {seq}; the log ends at {last_seq}")


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
    if result.columns == EXPLAIN_COLUMNS:
        for line in "\n".join(str(plan) for _, plan in result.rows).splitlines():
            say(line)
        return
    print_table(title, result.columns, result.rows)
    if not result.rows:
        say("no rows")


def _present_violations(verdict: Verdict) -> None:
    for result in (*verdict.checks, *verdict.broken):
        if result.violations:
            print_table(f"{result.title}: violations", result.violation_columns, result.violations)
