"""``trinity what-if``: what other thresholds would have made of a run. Must not change the run."""

from shlex import quote
from typing import Annotated

import typer

from simulator.cli import present
from simulator.cli.answer import Run
from simulator.cli.output import print_json, print_pairs, print_table, progress_bar, say
from simulator.cli.run import RUNS_DIR, Json
from simulator.cli.teach import examples
from simulator.duration import NANOUSD_PER_USD
from simulator.exit_codes import ExitCode
from simulator.summary import summarise
from simulator.what_if import what_if as decide_again
from simulator.what_if_figures import Change, KindChange, WhatIf
from store.run_folder import RunFolder

WHAT_IF_EXAMPLES = examples(
    ("trinity what-if latest --set witness.threshold.feature_request=0.65", ""),
    ("trinity what-if latest --set witness.threshold.flaky_test=0.8 --json", ""),
)
SIDE_COLUMNS = ("before", "after", "change")
KIND_COLUMNS = (
    "kind",
    "threshold",
    "labelled",
    "detections",
    "right",
    "false alarms",
    "cost of one",
    "cost (estimate)",
)
CHANGE_COLUMNS = ("seq", "kind", "confidence", "threshold", "truth", "message")
Cell = str | int | float | None


def add_to(app: typer.Typer) -> None:
    app.command("what-if", epilog=WHAT_IF_EXAMPLES)(what_if)


def what_if(
    run: Run,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE, as witness.threshold.KIND=0.65; may be given for each kind."),
    ] = None,
    json: Json = False,
) -> int:
    """Decide a recorded run again with other thresholds; show what would have changed, and if it were right.

    Every telemetry on the log is given to WITNESS again, twice: as it was, and with the changed thresholds.

    As it was, it has to decide what is on the log, or no figure is shown (exit code 3).

    Both know what WITNESS had learned by then in the run.

    What it would have learned otherwise, from more or fewer detections, is not guessed.

    Right is what the labels of the run say; a false alarm is a detection with any other label.

    Cost is an estimate: what a detection of the kind cost on average in the run, times the change in number.

    The run is not changed. Exit codes: 0 done, 2 bad input, 3 the program decides otherwise, 5 damage.
    """
    folder = RunFolder.open(run, RUNS_DIR)
    with progress_bar("Deciding again", summarise(folder, None).events, quiet=json) as bar:
        found = decide_again(folder, settings or [], lambda count: bar.update(count, f"{count:,} events"))
    if json:
        print_json(found)
        return ExitCode.OK
    _present_head(found)
    print_table("", ("", *SIDE_COLUMNS), _figure_rows(found), right=SIDE_COLUMNS)
    rows = [_kind_row(kind) for kind in found.kinds]
    print_table("By kind", KIND_COLUMNS, rows, right=KIND_COLUMNS[1:])
    _present_changes(found)
    return ExitCode.OK


def _present_head(found: WhatIf) -> None:
    changed = [
        f"{kind.kind} {_then(kind.threshold_before, kind.threshold_after)}"
        for kind in found.kinds
        if kind.threshold_before != kind.threshold_after
    ]
    say("What if: " + (", ".join(changed) or "the thresholds as they were"), "bold")
    print_pairs(
        {
            "run": found.run,
            "proof": f"with its own thresholds all {found.decision_count:,} decisions came out as recorded",
            "lessons": f"{found.lesson_count:,}, as recorded; {found.note}",
            "changed": f"{found.changed_count:,} answers",
        }
    )


def _figure_rows(found: WhatIf) -> list[tuple[Cell, ...]]:
    before, after = found.before, found.after
    was, now = before.detections, after.detections
    rows = [
        _row("detections", was.detection_count, now.detection_count),
        _row("of these right", was.true_count, now.true_count),
        _row("of these false alarms", was.false_count, now.false_count),
    ]
    if was.unlabelled_count or now.unlabelled_count:
        rows.append(_row("of these without a label", was.unlabelled_count, now.unlabelled_count))
    rows.append(_row("false alarms a day", before.false_alarms_per_day, after.false_alarms_per_day))
    rows.append(_row(f"accuracy on {found.labelled_count:,} labelled", before.accuracy, after.accuracy))
    spent, more = found.spent_nanousd, found.cost_change_nanousd
    costs = ("unknown", "unknown") if more is None else (_usd(spent + more), _usd(more, "+"))
    rows.append(("cost of models (estimate)", _usd(spent), *costs))
    return rows


def _row(title: str, before: float, after: float) -> tuple[Cell, ...]:
    change = after - before
    return title, f"{before:,}", f"{after:,}", f"{round(change, 6):+,}" if change else "0"


def _kind_row(change: KindChange) -> tuple[Cell, ...]:
    gained, lost, each = change.gained, change.lost, change.cycle_cost_nanousd
    estimate = change.cost_change_nanousd
    return (
        change.kind,
        _then(change.threshold_before, change.threshold_after),
        change.labelled_count,
        _then(change.before.detection_count, change.after.detection_count),
        f"+{gained.true_count} -{lost.true_count}",
        f"+{gained.false_count} -{lost.false_count}",
        "unknown" if each is None else _usd(each),
        "unknown" if estimate is None else _usd(estimate, "+"),
    )


def _present_changes(found: WhatIf) -> None:
    if not found.changes:
        say("Nothing would have changed.")
        return
    shown, total = len(found.changes), found.changed_count
    title = "Changed records" if shown == total else f"The first {shown} of {total:,} changed records"
    print_table(title, CHANGE_COLUMNS, [_change_row(change) for change in found.changes])
    present.hint(f"trinity sql {quote(found.run)} @chain --chain {found.changes[0].seq}")


def _change_row(change: Change) -> tuple[Cell, ...]:
    return (
        change.seq,
        _then(change.before, change.after),
        change.confidence,
        change.threshold,
        "no label" if change.label is None else change.label,
        change.message,
    )


def _then(before: Cell, after: Cell) -> str:
    """What was, and what it is now where that is not the same."""
    return f"{before}" if before == after else f"{before} → {after}"


def _usd(nanousd: int, sign: str = "") -> str:
    """A cycle can cost less than a cent."""
    amount = f"${abs(nanousd) / NANOUSD_PER_USD:.4f}"
    return f"-{amount}" if nanousd < 0 else f"{sign if nanousd else ''}{amount}"
