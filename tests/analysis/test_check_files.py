from pathlib import Path

import pytest

from analysis.checks import read_check, run_checks
from analysis.database import Database
from bus.errors import InputError


def write_check(folder: Path, text: str) -> Path:
    path = folder / "x.sql"
    path.write_text(text, encoding="utf-8")
    return path


HEADER = "-- title: T\n-- level: mandatory\n-- target: t\n"
POPULATION = "-- :population\nselect 1;\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (POPULATION, "title"),
        ("-- title: T\n" + POPULATION, "level"),
        ("-- title: T\n-- level: nice\n" + POPULATION, "'nice'"),
        (HEADER + POPULATION, "violations or a measure"),
        (HEADER + "-- :violations\nselect 1;\n", "population"),
        (HEADER + POPULATION + "-- :violation\nselect 1;\n", "'violation'"),
        (HEADER + POPULATION + POPULATION + "-- :violations\nselect 1;\n", "twice"),
    ],
)
def test_a_file_that_is_no_check_is_refused_with_its_path(tmp_path: Path, text: str, problem: str) -> None:
    path = write_check(tmp_path, text)
    with pytest.raises(InputError, match=problem) as caught:
        read_check(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    "sections",
    [
        "-- :population\nselect 'many';\n-- :violations\nselect 1 where false;",
        "-- :population\nselect 1;\n-- :measure\nselect 1 as value;",
        "-- :population\nselect 1;\n-- :violations\nselect nothing;",
    ],
)
def test_a_check_whose_sql_is_wrong_is_refused_with_its_path(
    good: Database, tmp_path: Path, sections: str
) -> None:
    path = write_check(tmp_path, HEADER + sections)
    with pytest.raises(InputError) as caught:
        run_checks(good, tmp_path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("folder", ["missing", "."])
def test_a_folder_without_checks_is_refused(good: Database, tmp_path: Path, folder: str) -> None:
    with pytest.raises(InputError, match=r"\.sql"):
        run_checks(good, tmp_path / folder)


def test_a_measure_of_nothing_does_not_pass(good: Database, tmp_path: Path) -> None:
    measure = (
        "-- :measure\nselect avg(seq) as value, 1 as target, value > 1 as passed from events where false;"
    )
    write_check(tmp_path, HEADER + POPULATION + measure)
    verdict = run_checks(good, tmp_path)
    assert (verdict.passed, verdict.checks[0].value) == (False, None)
