"""``trinity experiment``: the arms of a scenario, with several seeds, compared. Must not compute figures."""

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from analysis.database import Result
from analysis.experiment import Comparison, ExperimentDatabase, experiment_queries, open_experiment
from analysis.experiment_report import (
    ARMS_COLUMNS,
    DIFFERENCE_COLUMNS,
    LEAK_CHECK,
    REPORT_NAME,
    Facts,
    claim_sentence,
    columns_of,
    write_experiment_report,
)
from bus.errors import InputError
from simulator.cli.outlet import outlive_output
from simulator.cli.output import fail, print_json, print_pairs, print_table, progress_bar, say
from simulator.cli.present import hint
from simulator.cli.run import RUNS_DIR, Json
from simulator.cli.teach import examples
from simulator.exit_codes import ExitCode
from simulator.experiment import EXPERIMENT_NAME, SEEDS_MAX, arms_of, load_experiment, read_experiment
from simulator.experiment_plan import Plan, notes_of, prepare
from simulator.experiment_runs import Done, carry_out, find_experiment, finished_runs
from simulator.garbage import collect_rarely
from simulator.interrupt import Interrupt
from simulator.scenario_file import load_scenario

EXPERIMENT_EXAMPLES = examples(
    ("trinity experiment", "does WITNESS learn? four arms, ten seeds"),
    ("trinity experiment learning --seeds 3 --out quick", "fewer seeds, wider intervals"),
    ("trinity experiment --events telemetry.jsonl", "records of your own, with labels"),
)
SHOWN = (("arms", ARMS_COLUMNS), ("difference", DIFFERENCE_COLUMNS))
"""Queries whose answers people are shown, and what of them; the learning curve is a picture."""


def add_to(app: typer.Typer) -> None:
    app.command("experiment", epilog=EXPERIMENT_EXAMPLES)(experiment)


def experiment(
    scenario: Annotated[
        str, typer.Argument(help="A scenario with an experiment.toml, by name or the path of its folder.")
    ] = "learning",
    seeds: Annotated[
        int | None, typer.Option(help=f"How many, 2 to {SEEDS_MAX}; otherwise what experiment.toml says.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the experiment; otherwise runs/SCENARIO-experiment.")
    ] = None,
    events: Annotated[
        Path | None, typer.Option(help="Telemetry of your own in place of the scenario's, as for `run`.")
    ] = None,
    json: Json = False,
) -> int:
    """Run every arm of an experiment with every seed, and say what the arms differ in.

    Arms are compared seed by seed. Each answer counts as it was given, before any feedback about it.

    That it learns is said only when the 95 % interval of treatment less baseline is above 0.

    An interrupted experiment goes on with the same command; finished runs are kept.

    Exit codes: 0 done, whatever came out, 1 an invariant does not hold, 2 bad input, 4 environment,
    130 interrupted.
    """
    chosen = load_experiment(scenario, seeds)
    folder = out or RUNS_DIR / f"{load_scenario(scenario).name}-experiment"
    plan = prepare(Plan(folder, chosen, arms_of(chosen, scenario), events))
    outlive_output()
    collect_rarely()
    title = f"{len(plan.arms)} arms, {chosen.seeds} seeds"
    with Interrupt() as interrupt, progress_bar(title, plan.run_count, quiet=json) as bar:
        done = carry_out(plan, bar.update, lambda: interrupt.requested)
    if done is None:
        return fail("interrupted; the same command goes on, finished runs are kept", ExitCode.INTERRUPTED)
    facts = _facts(plan, done)
    compared = Comparison(chosen.baseline, chosen.treatment)
    with open_experiment([one.run.folder for one in done], compared) as database:
        write_experiment_report(folder, database, facts)
        _present(database, folder, facts, json=json)
    return ExitCode.CHECK_FAILED if facts.broken else ExitCode.OK


def experiment_answer(name_or_path: str, query: str | None) -> Result | None:
    """The answer of a named query about an experiment; None if that is not the folder of one.

    Raises:
        InputError: the question is no named query, or no run is finished.
    """
    folder = find_experiment(name_or_path, RUNS_DIR)
    if folder is None:
        return None
    if query is None or not query.startswith("@"):
        names = ", @".join(file.name for file in experiment_queries())
        raise InputError(f"{folder} is an experiment: ask it @{names}; ask its runs anything else")
    experiment = read_experiment(folder / EXPERIMENT_NAME)
    runs = finished_runs(folder, experiment)
    if not runs:
        raise InputError(f"{folder}: no run is finished yet; `trinity experiment` goes on with it")
    with open_experiment(runs, Comparison(experiment.baseline, experiment.treatment)) as database:
        return database.named(query)


def _facts(plan: Plan, done: list[Done]) -> Facts:
    return Facts(
        title=plan.experiment.title,
        claim=plan.experiment.claim,
        scenario=plan.arms[0].scenario.name,
        run_count=len(done),
        broken=[f"{one.run.arm}, seed {one.run.seed}: {check.title}" for one in done for check in one.broken],
        is_prequential=not any(check.name == LEAK_CHECK for one in done for check in one.broken),
        notes=notes_of(plan),
    )


def _present(database: ExperimentDatabase, folder: Path, facts: Facts, *, json: bool) -> None:
    if json:
        answers = {file.name: database.named(file.name).records() for file in experiment_queries()}
        print_json(
            {
                "experiment": str(folder),
                "sentence": claim_sentence(database, facts),
                "notes": facts.notes,
                "broken_invariants": facts.broken,
                **answers,
            }
        )
        return
    say(facts.title, "bold")
    for name, headings in SHOWN:
        answer = columns_of(database.named(name), headings)
        print_table("", answer.columns, answer.rows)
    for text in facts.broken:
        say(f"✗ {text}", "red")
    say(claim_sentence(database, facts), "bold")
    for note in facts.notes:
        say(note)
    print_pairs({"runs": facts.run_count, "report": quote(str(folder / REPORT_NAME))})
    hint(f"trinity sql {quote(str(folder))} @arms")
