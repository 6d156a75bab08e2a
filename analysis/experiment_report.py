"""Writes the report of an experiment and its learning curve. Must not compute: numbers come from queries.

What it claims is what the query ``claim`` says, in one of a few fixed sentences.
"""

from collections.abc import Mapping, Sequence
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
LEAK_CHECK = "learned_after_predicted"
"""The invariant on whose ground the report says that every answer came before what was told."""
PEOPLES_DIGITS = 4
"""Decimals of figures, for people; one decimal of counts, which are means."""
ARMS_COLUMNS = {
    "arm": "arm",
    "accuracy": "accuracy",
    "q1": "q1",
    "q4": "q4",
    "balanced_accuracy": "balanced",
    "alarm_precision": "precision",
    "alarm_recall": "recall",
    "feedback_count": "answers",
}
"""Of the query ``arms``, for a line of 100 characters: what is shown, and under which heading."""
DIFFERENCE_COLUMNS = {name: name for name in ("arm", "measure", "part", "difference", "low", "high")}
"""Likewise of the query ``difference``."""
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
    is_prequential: bool = True
    """Whether LEAK_CHECK holds in every run."""
    notes: Sequence[str] = ()
    """Sentences that a reader needs to take the figures for what they are."""


def write_experiment_report(folder: Path, database: ExperimentDatabase, facts: Facts) -> str:
    """Write the report and the picture into the folder of the experiment; the sentence of the claim.

    Raises:
        EnvironmentProblem: the folder cannot be written.
    """
    curve = learning_curve(database.named("learning_curve"))
    text = render_experiment_report(database, facts)
    try:
        write_whole(folder / CURVE_NAME, draw(curve))
        write_whole(folder / REPORT_NAME, text)
    except OSError as error:
        problem = f"{error.filename}: cannot write the report: {error.strerror}; free the way"
        raise EnvironmentProblem(problem) from None
    return claim_sentence(database, facts)


def render_experiment_report(database: ExperimentDatabase, facts: Facts) -> str:
    """The report as Markdown."""
    arms, difference = database.named("arms"), database.named("difference")
    curve = database.named("learning_curve")
    sections = [
        [f"# Experiment: {escape(facts.title)}", "", claim_sentence(database, facts)],
        *([note] for note in facts.notes),
        [_about(facts)],
        ["## Arms", "", *_table(columns_of(arms, ARMS_COLUMNS))],
        ["### All figures of the arms", "", *_table(arms)],
        ["## Difference to the baseline", "", *_table(_parts(difference, whole=True))],
        ["### By quarter", "", *_table(_parts(difference, whole=False))],
        ["## Learning curve", "", _curve_or_why_not(curve)],
        ["## Invariants", "", *_invariants(facts)],
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def claim_sentence(database: ExperimentDatabase, facts: Facts) -> str:
    """What may be said, by the invariants and the query ``claim`` alone."""
    claimed = facts.claim
    no_claim = f"No claim that {claimed}"
    if facts.broken:
        return f"{no_claim}: an invariant does not hold."
    claim = database.named("claim").records()[0]
    if not claim["pair_count"]:
        return f"{no_claim}: no record has a label, so there is nothing to judge by."
    if not claim["same_records"]:
        return f"{no_claim}: the arms were not given the same records."
    if claim["low"] is None:
        return f"{no_claim}: there are fewer than two seeds, which give no interval."
    pair = f"({claim['treatment']} - {claim['baseline']})"
    interval = f"the 95 % interval of {pair} is {_signed(claim['low'])} to {_signed(claim['high'])}"
    if claim["low"] == claim["high"]:
        return f"{no_claim}: every seed gave the same difference, which says nothing about chance."
    if claim["is_above_zero"]:
        return f"{claimed[:1].upper()}{claimed[1:]}: {interval} and excludes 0."
    if claim["excludes_zero"]:
        return f"{no_claim}: {interval}; it gets worse."
    return f"{no_claim}: {interval} and includes 0."


def columns_of(result: Result, headings: Mapping[str, str]) -> Result:
    """Those columns alone, under their headings, with figures as people read them."""
    indices = [result.columns.index(name) for name in headings]
    names = [result.columns[index] for index in indices]
    rows = [
        tuple(for_people(name, row[index]) for name, index in zip(names, indices, strict=True))
        for row in result.rows
    ]
    return Result(tuple(headings.values()), rows)


def for_people(column: str, value: object) -> object:
    """A figure rounded, and never -0; anything else as it is."""
    if not isinstance(value, float):
        return value
    # Adding 0 makes 0 of -0.
    return round(value, 1 if column.endswith("_count") else PEOPLES_DIGITS) + 0.0


def _about(facts: Facts) -> str:
    before = "Every record was answered before anything was told about it. " if facts.is_prequential else ""
    return (
        f"{facts.run_count} runs of the scenario {escape(facts.scenario)}. {before}Intervals are over the "
        "seeds, by Student's t; differences are paired by seed."
    )


def _curve_or_why_not(curve: Result) -> str:
    if not curve.rows:
        return "None: it goes by hundreds of labelled records that every run has, and a run has fewer."
    return f"![Accuracy along the run, arm by arm]({CURVE_NAME})"


def learning_curve(rows: Result) -> Chart:
    """Each arm as a line, the rolling accuracy, with its interval as a band."""
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
    # Blocks that are averaged, as the query says; fewer stand at the beginning of a run.
    count = max((int(_number(row["rolling_count"])) for row in records), default=0)
    y_label = f"Accuracy of the last {count}"
    return Chart(title, "Labelled records so far", y_label, series, y_min=int(lowest * 20) / 20)


def _parts(result: Result, *, whole: bool) -> Result:
    """The rows about whole runs, or those about quarters."""
    part = result.columns.index("part")
    return result._replace(rows=[row for row in result.rows if (row[part] == _WHOLE_RUN) == whole])


def _invariants(facts: Facts) -> list[str]:
    if not facts.broken:
        return [
            "All of them hold in every run; one of them is that nothing was learned before it was predicted."
        ]
    return [f"- ✗ {escape(text)}" for text in facts.broken]


def _table(result: Result) -> list[str]:
    if not result.rows:
        return ["None."]
    shown = columns_of(result, {name: name for name in result.columns})
    numeric = [n for n in range(len(shown.columns)) if all(_is_figure(row[n]) for row in shown.rows)]
    return table([column.replace("_", " ") for column in shown.columns], shown.rows, numeric=numeric)


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float | None) and not isinstance(value, bool)


def _signed(value: object) -> str:
    return f"{_number(for_people('', value)):+.{PEOPLES_DIGITS}f}"


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)
