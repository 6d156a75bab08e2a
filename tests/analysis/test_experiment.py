"""The figures of an experiment are those of a plain fold, and its claim is made on their ground alone."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

import pytest

from analysis.checks import read_invariants
from analysis.experiment import Comparison, ExperimentDatabase, experiment_queries, open_experiment
from analysis.experiment_report import (
    ARMS_COLUMNS,
    CURVE_NAME,
    DIFFERENCE_COLUMNS,
    LEAK_CHECK,
    Facts,
    claim_sentence,
    columns_of,
    for_people,
    render_experiment_report,
    write_experiment_report,
)
from analysis.sql_files import SqlFile, sql_folder
from bus import bodies
from bus.errors import DamageError, InputError
from bus.events import Event
from store.run_folder import RunFolder
from tests.analysis.synthetic import Options, Synthetic

COMPARED = Comparison("off", "on")
T_OF_FOUR_DEGREES = 2.776
Misses = Mapping[str, Sequence[tuple[int, ...]]]
"""For each arm the records that each of its seeds gets wrong."""
LEARNS: Misses = {
    "on": [(1,), (1, 2), (3,), (2,), (4,)],
    "off": [(1, 12, 13, 15), (1, 2, 17, 18), (3, 11, 14), (2, 12, 18, 19), (4, 16, 17)],
    "chance": [(0, 9), (1, 12), (3,), (2, 5, 6), (4, 16, 17)],
}
CLAIM = "it learns"
FACTS = Facts("Does it <learn>?", CLAIM, "learning", 15, [])


def options(misses: tuple[int, ...]) -> Options:
    return Options(noise_per_event=1, misses=misses)


def recorded(folder: Path, misses: Misses) -> list[RunFolder]:
    return [
        Synthetic(options(missed)).write(folder / "arms" / arm / f"seed-{seed}")
        for arm, runs in misses.items()
        for seed, missed in enumerate(runs, 1)
    ]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExperimentDatabase]:
    runs = recorded(tmp_path_factory.mktemp("experiment"), LEARNS)
    with open_experiment(runs, COMPARED) as opened:
        yield opened


def accuracies(arm: str, quarter: int | None = None) -> list[float]:
    """Of each seed; there are 20 events, each with one record of noise that is never wrong."""
    found = []
    for missed in LEARNS[arm]:
        among = range(20) if quarter is None else range(5 * quarter - 5, 5 * quarter)
        found.append(1 - sum(index in among for index in missed) / (2 * len(among)))
    return found


def test_each_arm_has_the_mean_of_its_seeds_in_all_and_by_quarter(database: ExperimentDatabase) -> None:
    rows = {row["arm"]: row for row in database.named("arms").records()}
    assert list(rows) == ["on", "off", "chance"]
    for arm, row in rows.items():
        wanted = [mean(accuracies(str(arm))), *(mean(accuracies(str(arm), q)) for q in (1, 2, 3, 4))]
        assert [row[name] for name in ("accuracy", "q1", "q2", "q3", "q4")] == pytest.approx(wanted, abs=1e-4)
        assert row["run_count"] == 5


def test_feedback_and_lessons_are_counted_for_each_arm(database: ExperimentDatabase) -> None:
    on = database.named("arms").records()[0]
    counts = [len(Synthetic(options(missed)).of(bodies.FeedbackGiven)) for missed in LEARNS["on"]]
    assert on["feedback_count"] == on["learned_count"] == mean(counts)
    assert (on["confirmed_share"], on["imported_count"]) == (1.0, 0.0)


def test_alarms_and_calibration_are_those_of_a_plain_fold(tmp_path: Path) -> None:
    log = Synthetic(options((7,)))
    detected = log.of(bodies.PatternDetected)
    log.change(detected[0], kind="duplication", confidence=0.55)
    runs = [log.write(tmp_path / "arms" / arm / "seed-1") for arm in ("on", "off")]
    with open_experiment(runs, COMPARED) as database:
        row = database.named("arms").records()[0]
    assert row["alarm_precision"] == 1.0  # the wrong kind, but something
    assert row["alarm_recall"] == pytest.approx(19 / 20)
    answers = [(said_confidence(e), n != 0) for n, e in enumerate(log.of(bodies.PatternDetected))]
    answers += [(said_confidence(e), True) for e in log.of(bodies.TelemetryDismissed)]
    assert row["calibration_error"] == pytest.approx(folded_error(answers), abs=1e-4)


def said_confidence(event: Event) -> float:
    assert isinstance(event.data, bodies.PatternDetected | bodies.TelemetryDismissed)
    return event.data.confidence


def folded_error(answers: list[tuple[float, bool]]) -> float:
    bins: dict[int, list[tuple[float, bool]]] = {}
    for confidence, right in answers:
        bins.setdefault(min(int(confidence * 10), 9), []).append((confidence, right))
    gaps = [abs(sum(c for c, _ in part) - sum(right for _, right in part)) for part in bins.values()]
    return sum(gaps) / len(answers)


def test_differences_are_paired_by_seed_with_an_interval_by_students_t(database: ExperimentDatabase) -> None:
    rows = [row for row in database.named("difference").records() if row["measure"] == "accuracy"]
    for arm in ("on", "chance"):
        pairs = [a - b for a, b in zip(accuracies(arm), accuracies("off"), strict=True)]
        half = T_OF_FOUR_DEGREES * stdev(pairs) / math.sqrt(5)
        [row] = [row for row in rows if (row["arm"], row["part"]) == (arm, "all")]
        wanted = (mean(pairs), mean(pairs) - half, mean(pairs) + half)
        assert [row[name] for name in ("difference", "low", "high")] == pytest.approx(wanted, abs=1e-5)
        assert row["excludes_zero"] == (abs(mean(pairs)) > half)
        assert row["pair_count"] == 5
    assert {row["part"] for row in rows} == {"all", "q1", "q2", "q3", "q4"}


def t_density_above(quantile: float, degrees: int) -> float:
    """The tail of Student's t, by Simpson's rule on 0 to the quantile."""
    log_scale = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - math.log(degrees * math.pi) / 2
    steps = 4_000
    width = quantile / steps

    def density(x: float) -> float:
        return math.exp(log_scale - (degrees + 1) / 2 * math.log1p(x * x / degrees))

    inner = sum((4 if n % 2 else 2) * density(n * width) for n in range(1, steps))
    return 0.5 - width / 3 * (density(0.0) + inner + density(quantile))


def test_the_table_of_quantiles_is_right() -> None:
    [text] = [file.text for file in sql_folder("experiments/schema") if file.name.endswith("quantiles")]
    pairs = re.findall(r"\((\d+), (\d+\.\d+)\)", text)
    assert len(pairs) == 37
    for degrees, quantile in pairs:
        assert t_density_above(float(quantile), int(degrees)) == pytest.approx(0.025, abs=3e-5)


def test_the_learning_curve_has_each_block_of_each_arm(tmp_path: Path) -> None:
    few = Options(event_count=30, noise_per_event=9, misses=(0, 1, 2, 3))
    runs = [Synthetic(few).write(tmp_path / "arms" / arm / "seed-1") for arm in ("on", "off")]
    with open_experiment(runs, COMPARED) as database:
        rows = [row for row in database.named("learning_curve").records() if row["arm"] == "on"]
    assert [row["position"] for row in rows] == [100, 200, 300]
    assert [row["accuracy"] for row in rows] == [0.96, 1.0, 1.0]
    assert [row["rolling"] for row in rows] == pytest.approx([0.96, 0.98, 0.98667], abs=1e-5)
    assert [row["rolling_count"] for row in rows] == [100, 200, 300]


def test_the_learning_curve_ends_with_the_last_block_that_every_run_has_in_full(tmp_path: Path) -> None:
    """One run has 250 records and one 350, so the third block is not in full in both."""
    runs = []
    for arm in ("on", "off"):
        for seed, count in ((1, 25), (2, 35)):
            few = Options(event_count=count, noise_per_event=9, misses=())
            runs.append(Synthetic(few).write(tmp_path / "arms" / arm / f"seed-{seed}"))
    with open_experiment(runs, COMPARED) as database:
        rows = database.named("learning_curve").records()
    assert [(row["arm"], row["position"], row["run_count"]) for row in rows] == [
        ("on", 100, 2), ("on", 200, 2), ("off", 100, 2), ("off", 200, 2),
    ]  # fmt: skip


def test_no_interval_of_the_learning_curve_reaches_beyond_what_a_share_can_be(tmp_path: Path) -> None:
    many, none = range(10), ()
    runs = []
    for arm in ("on", "off"):
        for seed, missed in ((1, tuple(many)), (2, none)):
            few = Options(event_count=10, noise_per_event=9, misses=missed)
            runs.append(Synthetic(few).write(tmp_path / "arms" / arm / f"seed-{seed}"))
    with open_experiment(runs, COMPARED) as database:
        [row, _] = database.named("learning_curve").records()
    assert (row["low"], row["high"], row["rolling_low"], row["rolling_high"]) == (
        pytest.approx(0.3147, abs=1e-4), 1.0, pytest.approx(0.3147, abs=1e-4), 1.0,
    )  # fmt: skip


def test_there_is_no_curve_of_runs_with_less_than_a_block(
    tmp_path: Path, database: ExperimentDatabase
) -> None:
    assert database.named("learning_curve").rows == []
    write_experiment_report(tmp_path, database, FACTS)
    assert CURVE_NAME not in (tmp_path / "report.md").read_text(encoding="utf-8")


def claimed(tmp_path: Path, misses: Misses) -> str:
    with open_experiment(recorded(tmp_path, misses), COMPARED) as database:
        return claim_sentence(database, FACTS)


def test_it_learns_when_the_whole_interval_is_above_zero(database: ExperimentDatabase) -> None:
    said = claim_sentence(database, FACTS)
    assert re.fullmatch(
        r"It learns: the 95 % interval of \(on - off\) is \+0\.\d{4} to \+0\.\d{4} and excludes 0\.", said
    )


def test_nothing_is_claimed_when_the_interval_includes_zero(tmp_path: Path) -> None:
    said = claimed(tmp_path, {"on": [(1,), (2, 3), (4,)], "off": [(1, 5), (2,), (4, 7)]})
    assert said.startswith("No claim that it learns: the 95 % interval of (on - off) is -0.0")
    assert said.endswith("and includes 0.")


def test_nothing_is_claimed_when_the_interval_is_below_zero(tmp_path: Path) -> None:
    said = claimed(tmp_path, {"on": [(1, 2, 3), (2, 3, 4), (4, 5, 6)], "off": [(1,), (2, 3), (4,)]})
    assert said.startswith("No claim that it learns")
    assert said.endswith("it gets worse.")


def test_nothing_is_claimed_of_one_seed(tmp_path: Path) -> None:
    assert "fewer than two seeds" in claimed(tmp_path, {"on": [()], "off": [(1, 2, 3)]})


def test_nothing_is_claimed_when_every_seed_gave_the_same_difference(tmp_path: Path) -> None:
    said = claimed(tmp_path, {"on": [(), ()], "off": [(3, 7), (3, 7)]})
    assert (
        said
        == "No claim that it learns: every seed gave the same difference, which says nothing about chance."
    )


def test_nothing_is_claimed_of_arms_that_saw_other_records(tmp_path: Path) -> None:
    runs = recorded(tmp_path, {"on": [(), ()], "off": [(1, 2), (3, 4)]})
    other = Synthetic(options((5,)))
    other.change(other.of(bodies.TelemetryReceived)[0], message="something else")
    runs[0] = other.write(tmp_path / "again" / "arms" / "on" / "seed-1")
    with open_experiment(runs, COMPARED) as database:
        assert claim_sentence(database, FACTS) == (
            "No claim that it learns: the arms were not given the same records."
        )


def test_the_report_says_the_claim_first_and_shows_a_picture(tmp_path: Path) -> None:
    runs = []
    for arm, missed in (("on", ()), ("off", (1, 2)), ("chance", (3,))):
        for seed in (1, 2):
            log = Synthetic(Options(event_count=60, noise_per_event=9, misses=(*missed, seed)))
            runs.append(log.write(tmp_path / "arms" / arm / f"seed-{seed}"))
    with open_experiment(runs, COMPARED) as database:
        said = write_experiment_report(tmp_path, database, FACTS)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert text.splitlines()[0] == "# Experiment: Does it &lt;learn&gt;?"
    assert text.splitlines()[2] == said
    assert f"]({CURVE_NAME})" in text
    picture = (tmp_path / CURVE_NAME).read_text(encoding="utf-8")
    assert picture.count("<path") + picture.count("<g fill") == 3
    assert picture.count("<polygon") == 3
    assert "Accuracy of the last 500<" in picture


BROKEN = FACTS._replace(broken=["on, seed 3: Costs equal the ledger"])


def test_the_report_names_the_runs_in_which_an_invariant_is_broken(database: ExperimentDatabase) -> None:
    text = render_experiment_report(database, BROKEN)
    assert re.search("✗ on, seed 3.{1,2} Costs equal the ledger", text)
    assert "All of them hold" in render_experiment_report(database, FACTS)


def test_nothing_is_claimed_where_an_invariant_is_broken(database: ExperimentDatabase) -> None:
    assert claim_sentence(database, FACTS).startswith("It learns")
    assert claim_sentence(database, BROKEN) == "No claim that it learns: an invariant does not hold."


def test_that_answers_came_first_is_said_only_where_the_leak_check_passed(
    database: ExperimentDatabase,
) -> None:
    assert LEAK_CHECK in [check.name for check in read_invariants()]
    before = "answered before anything was told"
    assert before in render_experiment_report(database, FACTS)
    assert before in render_experiment_report(database, BROKEN)
    assert before not in render_experiment_report(database, BROKEN._replace(is_prequential=False))


def test_the_report_says_what_a_reader_needs_besides(database: ExperimentDatabase) -> None:
    text = render_experiment_report(database, FACTS._replace(notes=["The seeds were changed."]))
    assert text.splitlines()[4] == "The seeds were changed."


def test_people_see_no_figure_that_is_minus_zero_or_in_powers_of_ten() -> None:
    assert [str(for_people("low", value)) for value in (-0.0, -1e-05, 0.00004, -0.00005001)] == [
        "0.0", "0.0", "0.0", "-0.0001",
    ]  # fmt: skip
    assert for_people("feedback_count", 261.9999) == 262.0
    assert [for_people("low", value) for value in (None, "on", True, 3)] == [None, "on", True, 3]


def test_what_people_are_shown_fits_a_hundred_characters(database: ExperimentDatabase) -> None:
    """The widest arm, measure and figures; a column has a border and two spaces."""
    for name, headings, widest in (
        ("arms", ARMS_COLUMNS, {"arm": 24, "q1": 6, "q4": 6}),
        ("difference", DIFFERENCE_COLUMNS, {"arm": 24, "measure": 17}),
    ):
        shown = columns_of(database.named(name), headings)
        widths = [max(len(heading), widest.get(heading, 7)) for heading in shown.columns]
        assert sum(widths) + 3 * len(widths) + 1 <= 100
        assert len(shown.rows) == len(database.named(name).rows)


@pytest.mark.parametrize("query", experiment_queries(), ids=lambda query: query.name)
def test_every_query_says_its_grain_and_each_of_its_columns(
    database: ExperimentDatabase, query: SqlFile
) -> None:
    header = "\n".join(line for line in query.text.splitlines() if line.startswith("--"))
    assert re.search(r"^-- title: \S", header)
    assert re.search(r"^-- grain: \S", header, re.MULTILINE)
    words = set(re.findall(r"\w+", header))
    assert [column for column in database.named(query.name).columns if column not in words] == []


def test_an_unknown_query_is_refused_with_those_that_there_are(database: ExperimentDatabase) -> None:
    with pytest.raises(InputError, match="@arms"):
        database.named("harms")


def test_a_log_that_is_not_what_was_sealed_is_damage(tmp_path: Path) -> None:
    runs = recorded(tmp_path, {"on": [()], "off": [()]})
    segment = next(runs[0].events.glob("*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b"critical", b"critikal", 1))
    with pytest.raises(DamageError):
        open_experiment(runs, COMPARED)
