"""Says what the figures of a run ask for. Must not recommend anything that a named query does not show."""

from collections.abc import Iterator

from analysis.database import Database
from analysis.markdown import cell, escape

LOCAL_SHARE_MIN = 0.7
PRECISION_MIN = 0.8
FAILED_SHARE_MAX = 0.2
FAILED_TASKS_MIN = 3
"""So many failures of one delegate before they count as a habit."""


def recommendations(database: Database) -> list[str]:
    """Sentences in Markdown, each with the figures behind it; empty if nothing is called for."""
    return [
        *_thresholds(database),
        *_precision(database),
        *_local_share(database),
        *_cost_ranges(database),
        *_budget(database),
        *_delegates(database),
        *_alerts(database),
    ]


def _thresholds(database: Database) -> Iterator[str]:
    for row in database.named("threshold_candidates").records():
        missed, false = int(str(row["missed_count"])), int(str(row["false_count"]))
        if missed > false:
            yield (
                f"Try {cell(row['candidate'])} instead of {cell(row['threshold'])} as threshold of "
                f"{escape(str(row['kind']))}: on this run's labels it would have found {missed} more and "
                f"published {false} wrongly. `trinity what-if RUN --set witness.threshold."
                f"{escape(str(row['kind']))}={cell(row['candidate'])}` lists them. Confirm it on other runs, "
                f"since the figures come from this one."
            )


def _precision(database: Database) -> Iterator[str]:
    for row in database.named("per_kind").records():
        precision, answers = row["precision"], int(str(row["predicted_count"]))
        wrong = answers - int(str(row["correct_count"]))
        if row["kind"] != "none" and isinstance(precision, float) and precision < PRECISION_MIN and wrong > 1:
            yield (
                f"Look at what is taken for {escape(str(row['kind']))}: {wrong} of {cell(answers)} "
                f"detections on labelled telemetry are wrong (precision {cell(precision)})."
            )


def _local_share(database: Database) -> Iterator[str]:
    share = database.record("local_share")["local_share"]
    if not isinstance(share, float) or share >= LOCAL_SHARE_MIN:
        return
    rows = [row for row in database.named("cost_by_agent").records() if isinstance(row["local_share"], float)]
    least = min(rows, key=lambda row: float(str(row["local_share"])))
    yield (
        f"Move more calls to local models: {100 * share:.1f} % are local; "
        f"{escape(str(least['agent']))} has the least, {100 * float(str(least['local_share'])):.1f} % of "
        f"{cell(least['call_count'])} calls."
    )


def _cost_ranges(database: Database) -> Iterator[str]:
    for row in database.named("cost_per_kind").records():
        if row["in_range"] is False:
            yield (
                f"Look at the cost of {escape(str(row['kind']))}: ${cell(row['mean_cost_usd'])} a cycle, "
                f"expected ${cell(row['expected_min_usd'])} to ${cell(row['expected_max_usd'])}."
            )


def _budget(database: Database) -> Iterator[str]:
    budget = database.record("budget_status")
    share = budget["spent_share"]
    if isinstance(share, float) and share >= 0.9:
        yield (
            f"Raise the budget or spend less: ${cell(budget['spent_usd'])} of ${cell(budget['budget_usd'])} "
            f"({100 * share:.1f} %) is spent."
        )


def _delegates(database: Database) -> Iterator[str]:
    for row in database.named("task_outcomes").records():
        failed, tasks = int(str(row["failed_count"])), int(str(row["task_count"]))
        if failed >= FAILED_TASKS_MIN and failed > FAILED_SHARE_MAX * tasks:
            yield (
                f"Look at the tasks of {escape(str(row['delegate']))} for {escape(str(row['kind']))}: "
                f"{failed} of {tasks} failed."
            )


def _alerts(database: Database) -> Iterator[str]:
    said = {
        "agent_crash": "Find out why an agent went away",
        "memory_leak": "Look for the memory growth",
        "queue_backlog": "Give the consumer of the queue more room, or the queue less work",
        "detection_failure": "Teach WITNESS the telemetry that it missed",
        "model_timeout": "Look at the model that did not answer in time",
        "limit_reached": "See why a limit was met",
    }
    for row in database.named("alert_counts").records():
        advice = said.get(str(row["alert"]))
        if advice:
            worst = f"{cell(row['worst_value'])} {escape(str(row['unit']))}"
            yield (
                f"{advice}: {escape(str(row['alert']))} {cell(row['alert_count'])} times, about "
                f"{escape(str(row['subject']))}, first at {escape(str(row['first_elapsed']))}"
                + (f", worst {worst}." if row["worst_value"] is not None else ".")
            )
