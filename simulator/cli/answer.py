"""``trinity sql``, ``report``, ``check`` and ``replay``: answers about a run. Must not change its log."""

from typing import Annotated

import typer

from analysis.catalog import find_query, named_queries
from analysis.checks import Verdict
from analysis.database import Result, open_database
from bus.errors import InputError
from simulator.cli import present
from simulator.cli.output import print_json, print_pairs, print_table, progress_bar, say
from simulator.cli.run import RUNS_DIR, Json
from simulator.cli.teach import examples
from simulator.exit_codes import ExitCode
from simulator.judging import judge, judge_and_report
from simulator.replay import Replayed, replay_log
from simulator.summary import summarise
from store.run_folder import RunFolder

Run = Annotated[str, typer.Argument(help="A run: its name under runs/, its path, or latest.")]
SQL_EXAMPLES = examples(
    ("trinity sql --list", "what can be asked by name"),
    ("trinity sql latest @detection_accuracy", ""),
    ("trinity sql latest @chain --chain 10", "an event, what led to it and what followed"),
    ('trinity sql latest "select type, count(*) from events group by all"', ""),
    ('trinity sql latest "describe detections"', "the columns of a view"),
)
REPLAY_QUERIES = ("detection_accuracy", "detection_latency", "learning_trend", "budget_status")
"""What ``trinity replay`` shows."""


def add_to(app: typer.Typer) -> None:
    app.command("sql", epilog=SQL_EXAMPLES)(sql)
    app.command("replay", epilog=examples(("trinity replay latest", "")))(replay)
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
    text = find_query(query).sql if query.startswith("@") else query
    with open_database(folder) as database:
        if chain is not None:
            database.set_variable("correlation_seq", chain)
        _show(database.query(text), query if query.startswith("@") else "", json=json)


def replay(run: Run, json: Json = False) -> None:
    """Fold the log from its first event to its last; show accuracy, latency, learning trend and budget.

    Every line is checked on the way. No agent is run again.
    """
    folder = RunFolder.open(run, RUNS_DIR)
    total = summarise(folder, None).events
    with progress_bar("Replaying", total, quiet=json) as bar:
        replayed = replay_log(folder, lambda count: bar.update(count, f"{count:,} events"))
    with open_database(folder) as database:
        answers = {name: database.named(name) for name in REPLAY_QUERIES}
    if json:
        print_json(
            {"run": str(folder.path), "folded": replayed}
            | {name: result.records() for name, result in answers.items()}
        )
        return
    _present_replay(replayed)
    for name, result in answers.items():
        _show(result, find_query(name).title, json=False)


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
            }
        )
    else:
        present.verdict_lines(verdict)
        _present_violations(verdict)
    return ExitCode.OK if verdict.passed else ExitCode.CHECK_FAILED


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


def _present_replay(replayed: Replayed) -> None:
    say("Folded from the log", "bold")
    print_pairs(
        {
            "events": f"{replayed.event_count:,}, every line's CRC checked",
            "deliveries": f"{replayed.acknowledged_count:,} acknowledged, "
            f"{replayed.dead_letter_count} dead letters, {replayed.pending_count} pending",
            "spent": f"{present.usd(replayed.spent_nanousd)} in {replayed.model_call_count:,} model calls",
            "patterns": f"{replayed.pattern_learned_count:,} lessons learned",
        }
    )


def _present_violations(verdict: Verdict) -> None:
    for result in verdict.checks:
        if result.violations:
            print_table(f"{result.title}: violations", result.violation_columns, result.violations)
