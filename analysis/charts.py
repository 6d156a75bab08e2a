"""The four charts of the report: which numbers of which named query. Must not draw or compute."""

from typing import NamedTuple

from analysis.chart import Chart, Limit, Point, Series, draw
from analysis.database import Database

HOURS = "Elapsed time (hours)"
MEMORY_LIMIT_MB = 500


class ChartFile(NamedTuple):
    name: str
    """Of the file in charts/."""
    title: str
    svg: str


def draw_charts(database: Database) -> list[ChartFile]:
    """Those for which the run has numbers."""
    planned = database.record("run_summary")["planned_hours"]
    x_max = planned if isinstance(planned, float) else None
    charts = {
        "cost_over_time": _cost(database),
        "detection_accuracy": _accuracy(database),
        "memory": _memory(database),
        "confidence_trend": _confidence(database),
    }
    return [
        ChartFile(f"{name}.svg", chart.title, draw(chart._replace(x_max=x_max)))
        for name, chart in charts.items()
        if any(series.points for series in chart.series)
    ]


def _points(database: Database, query: str, x: str, y: str) -> list[Point]:
    rows = database.named(query).records()
    return [Point(float(str(row[x])), float(str(row[y]))) for row in rows if row[y] is not None]


def _cost(database: Database) -> Chart:
    points = _points(database, "cost_over_time", "elapsed_hours", "spent_usd")
    elapsed = database.record("run_summary")["elapsed_hours"]
    if points and isinstance(elapsed, float):
        points = [Point(0.0, 0.0), *points, Point(elapsed, points[-1].y)]
    budget = database.record("budget_status")["budget_usd"]
    limit = Limit(f"budget ${budget:,.2f}", budget) if isinstance(budget, float) and budget > 0 else None
    series = Series("all agents", points, "steps")
    return Chart("Cost over time", HOURS, "Spent so far (USD)", [series], limit)


def _accuracy(database: Database) -> Chart:
    rows = _points(database, "accuracy_trend", "elapsed_hours", "accuracy")
    so_far = _points(database, "accuracy_trend", "elapsed_hours", "accuracy_so_far")
    series = [Series("last ten labelled", rows), Series("all so far", so_far)]
    limit = Limit("target 0.90", 0.9)
    return Chart("Detection accuracy over time", HOURS, "Accuracy (share correct)", series, limit, 1.0)


def _memory(database: Database) -> Chart:
    points = _points(database, "memory_over_time", "elapsed_hours", "memory_mb")
    limit = Limit(f"limit {MEMORY_LIMIT_MB} MB", MEMORY_LIMIT_MB)
    series = Series("sum", points)
    return Chart("Memory of all processes together", HOURS, "Resident memory (MB)", [series], limit)


def _confidence(database: Database) -> Chart:
    single = _points(database, "confidence_over_time", "elapsed_hours", "confidence")
    mean = _points(database, "confidence_over_time", "elapsed_hours", "mean_confidence")
    series = [Series("each detection", single, "dots"), Series("mean of the last ten", mean)]
    limit = Limit("target 0.75", 0.75)
    return Chart("Confidence of detections", HOURS, "Confidence (0 to 1)", series, limit, 1.0)
