import csv
import json
from pathlib import Path

import duckdb
import pytest

from analysis.database import open_database
from analysis.export import FORMATS, export
from bus import bodies
from bus.errors import EnvironmentProblem, InputError
from store.log_reader import read_lines
from store.run_folder import RunFolder
from tests.analysis.synthetic import Options, Synthetic

FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\tx", "\rx", "\nx", "\0x", "\uff1d1", "plain")


def logged(run: RunFolder) -> list[dict[str, object]]:
    """The events as the log holds them, without the CRC."""
    events = [json.loads(line) for line in read_lines(run.events)]
    for event in events:
        del event["crc"]
    return events


def test_json_lines_hold_the_events_of_the_log(good_run: RunFolder, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    row_count = export(good_run, path, "jsonl")
    exported = [json.loads(line) for line in path.read_text().splitlines()]
    assert exported == logged(good_run)
    assert len(exported) == row_count


def test_csv_holds_the_events_of_the_log(good_run: RunFolder, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    row_count = export(good_run, path, "csv")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    events = logged(good_run)
    assert len(rows) == row_count == len(events)
    assert [json.loads(row["data"]) for row in rows] == [event["data"] for event in events]
    assert [(row["seq"], row["type"]) for row in rows] == [(str(e["seq"]), e["type"]) for e in events]


def test_parquet_holds_the_events_of_the_log(good_run: RunFolder, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    row_count = export(good_run, path, "parquet")
    with duckdb.connect() as connection:
        rows = connection.execute("select seq, type, time_ns from read_parquet($path)", {"path": str(path)})
        assert rows.fetchall() == [(e["seq"], e["type"], e["time_ns"]) for e in logged(good_run)]
    assert row_count == len(logged(good_run))


@pytest.mark.parametrize("output_format", FORMATS)
def test_the_answer_of_a_query_can_be_exported(
    good_run: RunFolder, tmp_path: Path, output_format: str
) -> None:
    with open_database(good_run) as database:
        expected = len(database.named("confusion").rows)
    assert export(good_run, tmp_path / "x", output_format, "confusion") == expected


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_of_a_csv_file_is_a_formula(tmp_path: Path, formula: str) -> None:
    log = Synthetic(Options(event_count=20))
    log.change_all(bodies.TelemetryReceived, lambda event: {"message": formula})
    export(log.write(tmp_path / "run"), tmp_path / "x.csv", "csv", "incidents")
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        notes = [row["note"] for row in csv.DictReader(file)]
    assert notes == [formula if formula == "plain" else f"'{formula}"]


def test_json_lines_carry_no_control_of_a_terminal_and_say_the_same(tmp_path: Path) -> None:
    log = Synthetic(Options(event_count=2))
    log.change_all(bodies.TelemetryReceived, lambda event: {"message": "a\x9b31m\u202eb\x7f\x1b[2J"})
    run = log.write(tmp_path / "run")
    export(run, tmp_path / "x.jsonl", "jsonl")
    text = (tmp_path / "x.jsonl").read_text()
    assert not set(text) & set("\x9b\u202e\x7f\x1b")
    assert [json.loads(line) for line in text.splitlines()] == logged(run)


def test_negative_numbers_stay_numbers(tmp_path: Path) -> None:
    log = Synthetic(Options())
    log.change_all(bodies.PatternDetected, lambda event: {"confidence": 0.95 - event.seq / 10**5})
    export(log.write(tmp_path / "run"), tmp_path / "x.csv", "csv", "confidence_trend")
    trend = (tmp_path / "x.csv").read_text().splitlines()[1].split(",")[-1]
    assert float(trend) < 0


@pytest.mark.parametrize("output_format", FORMATS)
def test_an_existing_file_is_not_overwritten(good_run: RunFolder, tmp_path: Path, output_format: str) -> None:
    path = tmp_path / "x"
    path.write_text("mine")
    with pytest.raises(InputError, match="exists"):
        export(good_run, path, output_format)
    assert path.read_text() == "mine"


def test_an_unknown_format_is_refused_with_those_there_are(good_run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="csv, parquet, jsonl"):
        export(good_run, tmp_path / "x", "xlsx")


def test_an_unknown_query_leaves_no_file(good_run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no query"):
        export(good_run, tmp_path / "x", "csv", "nosuch")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("output_format", FORMATS)
def test_a_missing_folder_is_a_problem_of_the_environment(
    good_run: RunFolder, tmp_path: Path, output_format: str
) -> None:
    with pytest.raises(EnvironmentProblem, match="another place"):
        export(good_run, tmp_path / "missing" / "x", output_format)
