"""The sections of the report that hold figures. Must not compute: it formats what named queries return."""

from analysis.database import Database
from analysis.markdown import NOTHING, cell, escape, table

INCIDENTS_SHOWN_MAX = 30


def metrics(database: Database) -> list[str]:
    accuracy = database.record("detection_accuracy")
    latency = database.record("detection_latency")
    trend = database.record("confidence_trend")
    share = database.record("local_share")
    return [
        "## Performance Metrics",
        "",
        f"- Detection accuracy: {_accuracy(accuracy)}",
        f"- Detection latency: {_unit(latency['mean_ms'], 'ms')} average, "
        f"{_unit(latency['p50_ms'], 'ms')} median, {_unit(latency['p95_ms'], 'ms')} 95th percentile, "
        f"{_unit(latency['max_ms'], 'ms')} longest",
        f"- Pattern confidence: {cell(trend['mean_confidence'])} average of published detections",
        f"- Cost efficiency: {_percent(share['local_share'])} of "
        f"{cell(share['call_count'])} model calls local",
        f"- Confidence trend: {_signed(trend['trend'])}, later half less earlier half of "
        f"{cell(trend['detection_count'])} detections",
        "",
        "### Agents",
        "",
        *_table(database, "agent_activity"),
        "",
        "### Queues",
        "",
        *_table(database, "queue_backlog"),
    ]


def detection(database: Database) -> list[str]:
    lines = [
        "## Detection by Kind",
        "",
        *_table(database, "per_kind"),
    ]
    matrix = _confusion(database)
    if not matrix:
        return [*lines, "", "No labels: accuracy, precision and recall cannot be told."]
    return [
        *lines,
        "",
        *_false_alarms(database),
        *_calibration(database),
        "",
        "Confusion matrix, labels in rows and answers in columns:",
        "",
        *matrix,
    ]


def costs(database: Database) -> list[str]:
    budget = database.record("budget_status")
    return [
        "## Cost Analysis",
        "",
        f"- Total cost: {_usd(budget['spent_usd'])} of {_usd(budget['budget_usd'])} budget "
        f"({_percent(budget['spent_share'])})",
        "",
        "### By agent",
        "",
        *_table(database, "cost_by_agent"),
        "",
        "### By model",
        "",
        *_table(database, "cost_by_model"),
        "",
        "### By kind, a cycle",
        "",
        *_table(database, "cost_per_kind"),
        "",
        "### Tasks",
        "",
        *_table(database, "task_outcomes"),
    ]


def incidents(database: Database) -> list[str]:
    counts = database.named("incident_counts")
    if not counts.rows:
        return ["## Incidents", "", "None."]
    total = sum(int(str(row["incident_count"])) for row in counts.records())
    rows = database.named("incidents").rows[:INCIDENTS_SHOWN_MAX]
    heading = "All of them:" if len(rows) == total else f"The first {len(rows)} of {total}:"
    return [
        "## Incidents",
        "",
        *table(("Incident", "Count", "First", "Last"), counts.rows, numeric=(1,)),
        "",
        heading,
        "",
        *table(("Elapsed", "Seq", "Incident", "Detail", "Note"), rows, numeric=(1,)),
    ]


def _table(database: Database, query: str) -> list[str]:
    """All that a query returns; the first column is a label."""
    columns, rows, _ = database.named(query)
    if not rows:
        return ["None."]
    numeric = [
        i for i in range(1, len(columns)) if all(isinstance(row[i], int | float | None) for row in rows)
    ]
    return table([column.replace("_", " ") for column in columns], rows, numeric=numeric)


def _confusion(database: Database) -> list[str]:
    counts = {(str(label), str(answer)): count for label, answer, count in database.named("confusion").rows}
    order = [str(kind) for kind, *_ in database.named("per_kind").rows]
    labels = [kind for kind in order if any(label == kind for label, _ in counts)]
    answers = [kind for kind in (*order, "undecided") if any(answer == kind for _, answer in counts)]
    if not labels:
        return []
    rows = [[label, *(counts.get((label, answer), 0) for answer in answers)] for label in labels]
    return table(["label", *answers], rows, numeric=range(1, len(answers) + 1))


def _false_alarms(database: Database) -> list[str]:
    """All kinds together; the query has each of them."""
    rows = database.named("false_alarms_per_day").records()
    if not rows:
        return []
    total = rows[-1]
    return [
        f"- False alarms: {cell(total['false_count'])} of {cell(total['detection_count'])} detections, "
        f"{cell(total['false_alarms_per_day'])} a day"
    ]


def _calibration(database: Database) -> list[str]:
    """One line; the query has the bins."""
    rows = database.named("calibration").records()
    if not rows:
        return []
    error = cell(rows[0]["calibration_error"])
    return [f"- Calibration error: {error}, confidence against accuracy in ten bins"]


def _accuracy(accuracy: dict[str, object]) -> str:
    if accuracy["accuracy"] is None:
        return "no labels"
    return (
        f"{_percent(accuracy['accuracy'])} ({cell(accuracy['correct_count'])} of "
        f"{cell(accuracy['labelled_count'])} correct), balanced over the labels "
        f"{_percent(accuracy['balanced_accuracy'])}"
    )


def _percent(share: object) -> str:
    return f"{100 * share:.1f} %" if isinstance(share, int | float) else NOTHING


def _signed(value: object) -> str:
    return f"{value:+.4f}" if isinstance(value, int | float) else NOTHING


def _unit(value: object, unit: str) -> str:
    return NOTHING if value is None else f"{cell(value)} {unit}"


def _usd(value: object) -> str:
    return f"${value:,.4f}" if isinstance(value, int | float) else escape(str(value))
