"""Questions about how good WITNESS is: the answers are those of a plain fold."""

import re
from pathlib import Path
from random import Random

import duckdb
import pytest

from agents.text import mask_numbers
from analysis.database import open_database
from analysis.sql_files import sql_folder
from bus import bodies
from tests.analysis.synthetic import HOUR, Options, S, Synthetic


def rows_of(log: Synthetic, tmp_path: Path, query: str) -> list[dict[str, object]]:
    with open_database(log.write(tmp_path / "run")) as database:
        return database.named(query).records()


def test_calibration_compares_confidence_with_how_often_the_likeliest_was_right(tmp_path: Path) -> None:
    log = Synthetic(Options(event_count=4, noise_per_event=1, misses=()))
    first, second, third, fourth = log.of(bodies.PatternDetected)
    log.change(first, confidence=0.84)
    log.change(second, confidence=0.86, kind="duplication")
    log.change(third, confidence=0.55)
    log.change(fourth, confidence=1.0)
    rows = rows_of(log, tmp_path, "calibration")
    assert [(row["confidence_from"], row["answer_count"], row["accuracy"]) for row in rows] == [
        (0.5, 1, 1.0),
        (0.8, 2, 0.5),
        (0.9, 5, 1.0),
    ]
    gaps = [0.45, -0.35, 1 - (4 * 0.9 + 1.0) / 5]
    assert [row["gap"] for row in rows] == pytest.approx(gaps, abs=1e-4)
    error = (0.45 + 2 * 0.35 + 5 * gaps[2]) / 8
    assert [row["calibration_error"] for row in rows] == pytest.approx([error] * 3, abs=1e-4)


def test_a_near_miss_counts_with_the_kind_that_was_likeliest(tmp_path: Path) -> None:
    [row] = rows_of(Synthetic(Options(event_count=1, misses=(0,))), tmp_path, "calibration")
    assert (row["confidence_from"], row["accuracy"]) == (0.6, 1.0)


def test_false_alarms_are_counted_by_kind_and_for_24_hours(tmp_path: Path) -> None:
    log = Synthetic(Options(event_count=24, event_interval_ns=HOUR // 2, misses=()))
    truths = log.of(bodies.TruthLabelled)
    log.change(truths[0], label="none")
    log.change(truths[5], label="flaky_test")
    rows = rows_of(log, tmp_path, "false_alarms_per_day")
    by_kind = {row["kind"]: row for row in rows}
    assert rows[-1]["kind"] == "all"
    assert by_kind["critical_error"]["detection_count"] == 5
    assert (by_kind["critical_error"]["false_count"], by_kind["critical_error"]["of_nothing_count"]) == (2, 1)
    assert by_kind["critical_error"]["precision"] == 0.6
    assert by_kind["all"]["false_alarms_per_day"] == pytest.approx(2 * 24 / 12)
    assert by_kind["flaky_test"]["false_count"] == 0


def test_an_incident_is_detected_when_one_of_its_reports_is(tmp_path: Path) -> None:
    """Messages that differ in numbers alone are one incident, but for a lone 0; two reports are missed."""
    log = Synthetic(Options(event_count=20, misses=(0, 5)))
    rows = {row["kind"]: row for row in rows_of(log, tmp_path, "time_to_detect")}
    late, quick = rows["critical_error"], rows["duplication"]
    assert (late["incident_count"], late["report_count"], late["detected_count"]) == (2, 4, 1)
    assert (late["at_first_count"], late["mean_report"]) == (0, 2.0)
    assert late["p50_s"] == late["max_s"] == 5 * 1800 + 0.5
    assert (quick["at_first_count"], quick["mean_report"], quick["p90_s"]) == (1, 1.0, 0.5)


def test_an_incident_that_is_never_detected_has_no_time(tmp_path: Path) -> None:
    log = Synthetic(Options(event_count=5, misses=(0,)))
    row = rows_of(log, tmp_path, "time_to_detect")[1]
    assert (row["kind"], row["detected_count"], row["mean_report"], row["p50_s"]) == (
        "critical_error", 0, None, None,
    )  # fmt: skip


def test_the_rolling_accuracy_is_that_of_the_last_two_hundred(tmp_path: Path) -> None:
    log = Synthetic(Options(event_count=6, noise_per_event=99, misses=(0, 5)))
    rows = rows_of(log, tmp_path, "learning_trend")
    assert [(row["labelled_count"], row["accuracy"]) for row in rows] == [
        (200, 0.995),
        (200, 1.0),
        (200, 0.995),
    ]
    assert [row["rolling_accuracy"] for row in rows] == [0.995, 1.0, 0.995]


def test_the_rolling_accuracy_is_of_all_so_far_at_first(tmp_path: Path) -> None:
    log = Synthetic(Options(event_count=6, noise_per_event=1, misses=(0,)))
    assert [row["rolling_accuracy"] for row in rows_of(log, tmp_path, "learning_trend")] == [
        0.75,
        0.875,
        0.9167,
    ]


MASKED = "0019afABgxz. _-:/#\n\u00e9\u0663\u00b2"


def masked_by_sql(messages: list[str]) -> list[str]:
    """By the expression in the query, taken out of it."""
    [text] = [file.text for file in sql_folder("queries") if file.name == "time_to_detect"]
    found = re.search(r"regexp_replace\(.*?'g'\s*\)", text, re.DOTALL)
    assert found
    select = f"select {found.group()} from (select unnest($messages) as message) as telemetry"
    return [row[0] for row in duckdb.connect().execute(select, {"messages": messages}).fetchall()]


def test_an_incident_is_told_by_the_numbers_that_witness_masks() -> None:
    messages = [
        "0 errors", "3 errors", "10 of 0.5 at 0x1f", "0", "00", "0a", "x0 0_ 0.", "job-0", "commit deadbee1",
        "deadbe1 facade1 ab12 abcdef abcdef0", "build 4F3a9", "v1.0.0", "12:00:07", "feed1234567",
        "a1234567b", "\u0663\u0664 of 0\u0663", "0\u00e9 0g", "9" * 5_000,
    ]  # fmt: skip
    random = Random(7)
    messages += ["".join(random.choices(MASKED, k=random.randint(1, 16))) for _ in range(5_000)]
    # Where the two differ: a hexadecimal name right behind a letter beyond ASCII.
    alike = [text for text in messages if not re.search(r"[^\x00-\x7f][a-f]", text)]
    assert len(alike) > 4_000
    assert masked_by_sql(alike) == [mask_numbers(text) for text in alike]


@pytest.mark.parametrize("query", ["calibration", "false_alarms_per_day", "time_to_detect"])
def test_without_labels_there_is_nothing_to_say(tmp_path: Path, query: str) -> None:
    assert rows_of(Synthetic(Options(labelled=False)), tmp_path, query) == []


def test_a_decision_half_a_second_later_is_that_late(tmp_path: Path) -> None:
    rows = rows_of(Synthetic(Options(misses=())), tmp_path, "time_to_detect")
    assert {row["max_s"] for row in rows} == {0.5 * S / S}
