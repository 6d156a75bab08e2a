"""Writes the report of an experiment and its learning curve. Must not compute: numbers come from queries.

What it claims is what the query ``claim`` says, in one of a few fixed sentences.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from analysis.chart import Chart, Point, Range, Series, draw
from analysis.database import Result
from analysis.experiment import ExperimentDatabase
from analysis.markdown import escape, table
from bus.errors import EnvironmentProblem
from store.whole_file import write_whole

CURVE_NAME = "learning_curve.svg"
REPORT_NAME = "report.md"
_WHOLE_RUN = "all"


class Facts(NamedTuple):
    """What the report says that no log says."""

    title: str
    claim: str
    """What the experiment is to show, as in "it learns"."""
    scenario: str
    run_count: int
    broken: Sequence[str]
    """One text for each invariant that does not hold in a run: which, and where."""


def write_experiment_report(folder: Path, database: ExperimentDatabase, facts: Facts) -> str:
    """Write the report and the picture into the folder of the experiment; the sentence of the claim.

    Raises:
        EnvironmentProblem: the folder cannot be written.
    """
    curve = draw(learning_curve(database.named("learning_curve")))
    text = render_experiment_report(database, facts)
    try:
        write_whole(folder / CURVE_NAME, curve)
        write_whole(folder / REPORT_NAME, text)
    except OSError as error:
        problem = f"{error.filename}: cannot write the report: {error.strerror}; free the way"
        raise EnvironmentProblem(problem) from None
    return claim_sentence(database, facts.claim)


def render_experiment_report(database: ExperimentDatabase, facts: Facts) -> str:
    """The report as Markdown."""
    sections = [
        [f"# Experiment: {escape(facts.title)}", "", claim_sentence(database, facts.claim)],
        [
            f"{facts.run_count} runs of the scenario {escape(facts.scenario)}. Every record was answered "
            "before anything was told about it. Intervals are over the seeds, by Student's t; differences "
            "are paired by seed."
        ],
        ["## Arms", "", *_table(database.named("arms"))],
        ["## Difference to the baseline", "", *_table(_parts(database.named("difference"), whole=True))],
        ["### By quarter", "", *_table(_parts(database.named("difference"), whole=False))],
        ["## Learning curve", "", f"![Accuracy along the run, arm by arm]({CURVE_NAME})"],
        ["## Invariants", "", *_invariants(facts.broken)],
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def claim_sentence(database: ExperimentDatabase, claimed: str) -> str:
    """What may be said, by the query ``claim`` alone; ``claimed`` is like "it learns"."""
    no_claim = f"No claim that {claimed}"
    claim = database.named("claim").records()[0]
    if not claim["same_records"]:
        return f"{no_claim}: the arms were not given the same records."
    if claim["low"] is None:
        return f"{no_claim}: there are fewer than two seeds, which give no interval."
    pair = f"({claim['treatment']} - {claim['baseline']})"
    interval = f"the 95 % interval of {pair} is {_signed(claim['low'])} to {_signed(claim['high'])}"
    if claim["learns"]:
        return f"{claimed[:1].upper()}{claimed[1:]}: {interval} and excludes 0."
    if claim["excludes_zero"]:
        return f"{no_claim}: {interval}; it gets worse."
    return f"{no_claim}: {interval} and includes 0."


def learning_curve(rows: Result) -> Chart:
    """Each arm as a line, the mean of five blocks, with its interval as a band."""
    records = rows.records()
    series = []
    for arm in dict.fromkeys(str(row["arm"]) for row in records):
        own = [row for row in records if row["arm"] == arm]
        points = [Point(_number(row["position"]), _number(row["rolling"])) for row in own]
        band = [
            Range(_number(row["position"]), _number(row["rolling_low"]), _number(row["rolling_high"]))
            for row in own
            if row["rolling_low"] is not None
        ]
        series.append(Series(arm, points, band=band))
    lowest = min((r.low for s in series for r in s.band), default=0.0)
    title = "Accuracy along the run, with 95 % intervals"
    label = "Labelled records so far"
    return Chart(title, label, "Accuracy of the last 500", series, y_min=int(lowest * 20) / 20)


def _parts(result: Result, *, whole: bool) -> Result:
    """The rows about whole runs, or those about quarters."""
    part = result.columns.index("part")
    return result._replace(rows=[row for row in result.rows if (row[part] == _WHOLE_RUN) == whole])


def _invariants(broken: Sequence[str]) -> list[str]:
    if not broken:
        return [
            "All of them hold in every run; one of them is that nothing was learned before it was predicted."
        ]
    return [f"- ✗ {escape(text)}" for text in broken]


def _table(result: Result) -> list[str]:
    columns, rows, _ = result
    if not rows:
        return ["None."]
    numeric = [
        index
        for index in range(len(columns))
        if all(
            isinstance(row[index], int | float | None) and not isinstance(row[index], bool) for row in rows
        )
    ]
    return table([column.replace("_", " ") for column in columns], rows, numeric=numeric)


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float | None) and not isinstance(value, bool)


def _signed(value: object) -> str:
    return f"{_number(value):+.4f}"


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)
