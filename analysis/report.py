"""Writes report.md and its charts. Must not judge or compute: numbers come from queries."""

from pathlib import Path

from analysis.charts import ChartFile, draw_charts
from analysis.checks import CheckResult, Verdict
from analysis.database import Database
from analysis.markdown import escape, table
from analysis.recommendations import recommendations
from analysis.report_faults import faults
from analysis.report_figures import costs, detection, incidents, metrics
from bus.errors import EnvironmentProblem
from store.run_folder import RunFolder

VIOLATIONS_SHOWN_MAX = 5


def write_report(run: RunFolder, database: Database, verdict: Verdict) -> Path:
    """Write the report and its charts into the run folder, and return the report's path.

    Raises:
        EnvironmentProblem: the run folder cannot be written.
    """
    database.hold()
    charts = draw_charts(database)
    text = render_report(database, verdict, charts)
    try:
        run.charts.mkdir(exist_ok=True)
        for chart in charts:
            (run.charts / chart.name).write_text(chart.svg, encoding="utf-8")
        run.report.write_text(text, encoding="utf-8")
    except OSError as error:
        problem = f"{error.filename}: cannot write the report: {error.strerror}; free the way"
        raise EnvironmentProblem(problem) from None
    return run.report


def render_report(database: Database, verdict: Verdict, charts: list[ChartFile]) -> str:
    """The report as Markdown."""
    summary = database.record("run_summary")
    sections = [
        [f"# Trinity run report: {escape(str(summary['scenario']))}, seed {escape(str(summary['seed']))}"],
        _summary(summary, verdict),
        _criteria(verdict),
        metrics(database),
        detection(database),
        costs(database),
        faults(database),
        _charts(charts),
        incidents(database),
        _recommended(database),
        _conclusion(summary, verdict),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _summary(summary: dict[str, object], verdict: Verdict) -> list[str]:
    ended = escape(str(summary["status"]))
    if summary["reason"]:
        ended += f" ({escape(str(summary['reason']))})"
    return [
        "## Test Summary",
        "",
        f"- Start: {escape(str(summary['started_at']))}",
        f"- End: {escape(str(summary['ended_at']))}",
        f"- Duration: {escape(str(summary['elapsed']))} of {summary['planned_hours']} hours planned",
        f"- Run: {ended}",
        f"- Events on the log: {summary['event_count']}, of these telemetry: {summary['telemetry_count']}",
        f"- Status: {'PASSED ✓' if verdict.passed else 'FAILED ✗'}",
    ]


def _criteria(verdict: Verdict) -> list[str]:
    lines = ["## Success Criteria Results"]
    for level in ("mandatory", "performance"):
        results = [result for result in verdict.checks if result.level == level]
        passed_count = sum(result.passed for result in results)
        lines += ["", f"### {level.capitalize()} ({passed_count} of {len(results)} passed)", ""]
        lines += [_criterion(result) for result in results]
    if verdict.invariants:
        lines += ["", f"### Invariants ({_invariants_hold(verdict)})", ""]
        lines += [_criterion(result) for result in verdict.broken] or [
            "- ✓ What is true of every run is true of this."
        ]
    for result in (*verdict.checks, *verdict.invariants):
        if result.violations:
            lines += ["", *_violations(result)]
    return lines


def _criterion(result: CheckResult) -> str:
    mark = "✓" if result.passed else "✗"
    return f"- {mark} {escape(result.title)}: {escape(result.finding)}. Target: {escape(result.target)}"


def _violations(result: CheckResult) -> list[str]:
    shown = result.violations[:VIOLATIONS_SHOWN_MAX]
    count = f"{result.violation_count} violations, the first {len(shown)}:"
    return [f"{escape(result.title)}: {count}", "", *table(result.violation_columns, shown)]


def _invariants_hold(verdict: Verdict) -> str:
    total = len(verdict.invariants)
    return f"{total - len(verdict.broken)} of {total} invariants hold"


def _charts(charts: list[ChartFile]) -> list[str]:
    lines = ["## Charts"]
    for chart in charts:
        lines += ["", f"![{escape(chart.title)}](charts/{chart.name})"]
    return lines if charts else [*lines, "", "The run has no numbers to draw."]


def _recommended(database: Database) -> list[str]:
    found = recommendations(database)
    listed = [f"{number}. {text}" for number, text in enumerate(found, 1)]
    return ["## Recommendations", "", *(listed or ["None: no figure of this run asks for one."])]


def _conclusion(summary: dict[str, object], verdict: Verdict) -> list[str]:
    judged = (*verdict.checks, *verdict.invariants)
    failed = [escape(result.title) for result in judged if not result.passed]
    passed_count = sum(result.passed for result in verdict.checks)
    said = f"{passed_count} of {len(verdict.checks)} criteria passed"
    said += f" after {escape(str(summary['elapsed']))} of bus time"
    if verdict.invariants:
        said += f", {_invariants_hold(verdict)}"
    if not failed:
        return ["## Conclusion", "", f"PASSED: {said}."]
    return ["## Conclusion", "", f"FAILED: {said}. Not passed: {', '.join(failed)}."]
