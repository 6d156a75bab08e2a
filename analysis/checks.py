"""Judges a run by the checks of a scenario and by the invariants. Must not know any criterion: they are SQL.

A check is a .sql file. Its header says ``title``, ``level`` (``mandatory`` or ``performance``) and
``target``; then come sections, each one statement:

``-- :population``  counts what is judged; the check fails if it is 0, so that an empty log passes nothing
``-- :violations``  returns the rows that break the criterion; must be empty
``-- :measure``     returns one row: ``value``, ``target``, ``passed``
``-- :finding``     optional: one line of text that tells people what was found

A check has a population, and violations or a measure or both.

An invariant is a check that is true of every run, whatever its scenario; they are packaged in invariants/.
Its population is every event, so that a run in which a thing never happened has not broken a promise about
it. What several of them need is folded once into temporary tables, by the files in judged/.
"""

import re
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, cast

from analysis.database import Database, Result, Row, only_value
from analysis.sql_files import sql_folder, sql_text
from bus.errors import InputError

CHECKS_MAX = 1_000
FILE_BYTES_MAX = 1 << 20
VIOLATIONS_KEPT_MAX = 20
"""Rows of violations that a result carries; all are counted."""

Level = Literal["mandatory", "performance"]
_HEADER = re.compile(r"^-- (title|level|target): *(.+?) *$", re.MULTILINE)
_SECTION = re.compile(r"^-- :(\w+) *$", re.MULTILINE)
_SECTION_NAMES = ("population", "violations", "measure", "finding")


class Check(NamedTuple):
    name: str
    """File name without suffix."""
    path: Path
    title: str
    level: Level
    target: str
    sections: dict[str, str]


class CheckResult(NamedTuple):
    name: str
    title: str
    level: Level
    target: str
    """For people."""
    passed: bool
    population: int
    violation_count: int
    violation_columns: tuple[str, ...]
    violations: list[Row]
    """The first VIOLATIONS_KEPT_MAX."""
    value: float | None
    """What was measured; None for a check without a measure, or if there was nothing to measure."""
    finding: str
    """One line: what was found."""


class Verdict(NamedTuple):
    checks: tuple[CheckResult, ...]
    passed: bool
    """All checks passed, and all invariants hold."""
    invariants: tuple[CheckResult, ...] = ()
    """Empty if they were not asked for."""

    @property
    def broken(self) -> tuple[CheckResult, ...]:
        """The invariants that do not hold."""
        return tuple(result for result in self.invariants if not result.passed)


class Questions(Protocol):
    """What a check needs of a run."""

    def query(self, sql: str) -> Result: ...


def read_checks(folder: Path) -> tuple[Check, ...]:
    """The checks of a folder, in the order of their names.

    Raises:
        InputError: no such folder, no check in it, or a file that is not a check.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".sql")[: CHECKS_MAX + 1]
    except OSError as error:
        problem = f"{folder}: cannot read the checks: {error.strerror}; give a folder of .sql files"
        raise InputError(problem) from None
    if not paths:
        raise InputError(f"{folder}: no checks; put at least one .sql file there")
    if len(paths) > CHECKS_MAX:
        raise InputError(f"{folder}: more than {CHECKS_MAX} checks; remove some")
    return tuple(read_check(path) for path in paths)


def read_check(path: Path) -> Check:
    """One check; raises InputError for a file that is not one."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise InputError(f"{path}: longer than {FILE_BYTES_MAX} bytes; shorten the check")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text ({error}); give a .sql file") from None
    return _parse(path, text)


def read_invariants() -> tuple[Check, ...]:
    """The invariants that come with Trinity, in the order of their names."""
    return tuple(_parse(Path(f"{file.name}.sql"), file.text) for file in sql_folder("invariants"))


def _parse(path: Path, text: str) -> Check:
    parts = _SECTION.split(text)
    header = dict(_HEADER.findall(parts[0]))
    sections = {name: sql.strip() for name, sql in zip(parts[1::2], parts[2::2], strict=True)}
    _validate(path, header, sections, len(parts) // 2)
    level = cast("Level", header["level"])
    return Check(path.stem, path, header["title"], level, header.get("target", ""), sections)


def _validate(path: Path, header: dict[str, str], sections: dict[str, str], section_count: int) -> None:
    if missing := [key for key in ("title", "level") if key not in header]:
        raise InputError(f"{path}: the header lacks {missing[0]}; write a line '-- {missing[0]}: ...'")
    if header["level"] not in ("mandatory", "performance"):
        raise InputError(f"{path}: level {header['level']!r}; write 'mandatory' or 'performance'")
    if unknown := [name for name in sections if name not in _SECTION_NAMES]:
        raise InputError(f"{path}: unknown section {unknown[0]!r}; use one of {', '.join(_SECTION_NAMES)}")
    if section_count != len(sections):
        raise InputError(f"{path}: a section occurs twice; keep one of each")
    if "population" not in sections or not {"violations", "measure"} & set(sections):
        raise InputError(f"{path}: a check needs a population, and violations or a measure; add the section")


def run_check(database: Questions, check: Check) -> CheckResult:
    """Judge one criterion.

    Raises:
        InputError: the SQL of the check does not run, or a section returns something else than it should.
    """
    try:
        return _judge(database, check)
    except InputError as error:
        raise InputError(f"{check.path}: {error}") from None


def run_checks(database: Questions, folder: Path) -> Verdict:
    """Judge a run by all checks of a folder; raises like :func:`read_checks` and :func:`run_check`."""
    results = tuple(run_check(database, check) for check in read_checks(folder))
    return Verdict(results, all(result.passed for result in results))


def run_invariants(database: Database, limits: str | None = None) -> tuple[CheckResult, ...]:
    """Judge a run by every invariant.

    Args:
        database: of the run.
        limits: bounds and prices of the run's scenario as JSON, for variables/limits.sql; what they say is
            not judged without them.

    Raises:
        InputError: ``limits`` is not such JSON.
    """
    if limits is not None:
        database.set_variable("limits", limits)
    for file in sql_folder("judged"):
        if file.name[0].isdigit():
            database.query(file.text)
    results = tuple(run_check(database, check) for check in read_invariants())
    database.query(sql_text("judged", "drop"))
    return results


def judge_run(
    database: Database, folder: Path, limits: str | None = None, checked: Verdict | None = None
) -> Verdict:
    """Judge a run by the checks of a folder and by the invariants; raises like the functions for each.

    ``checked`` is what :func:`run_checks` found, if the checks were asked already, and elsewhere.
    """
    verdict = run_checks(database, folder) if checked is None else checked
    invariants = run_invariants(database, limits)
    return Verdict(verdict.checks, verdict.passed and all(i.passed for i in invariants), invariants)


def _judge(database: Questions, check: Check) -> CheckResult:
    population = _count(database, check)
    columns: tuple[str, ...] = ()
    rows: list[Row] = []
    value, measure_passed = None, True
    if "violations" in check.sections:
        columns, rows, _ = database.query(check.sections["violations"])
    if "measure" in check.sections:
        value, measure_passed = _measure(database, check)
    return CheckResult(
        check.name,
        check.title,
        check.level,
        check.target,
        population > 0 and not rows and measure_passed,
        population,
        len(rows),
        columns,
        rows[:VIOLATIONS_KEPT_MAX],
        value,
        _finding(database, check, population, len(rows), value),
    )


def _count(database: Questions, check: Check) -> int:
    result = database.query(check.sections["population"])
    if len(result.rows) != 1 or not isinstance(result.rows[0][0], int):
        raise InputError("the population must be one row with one whole number")
    return result.rows[0][0]


def _measure(database: Questions, check: Check) -> tuple[float | None, bool]:
    result = database.query(check.sections["measure"])
    if result.columns != ("value", "target", "passed") or len(result.rows) != 1:
        raise InputError("a measure must return one row with the columns value, target, passed")
    value, _, passed = result.rows[0]
    # Nothing measured is nothing passed: SQL says null then, not false.
    return (None if value is None else float(str(value))), passed is True


def _finding(
    database: Questions, check: Check, population: int, violation_count: int, value: float | None
) -> str:
    if population == 0:
        return "nothing to judge"
    if "finding" in check.sections:
        return str(only_value(database.query(check.sections["finding"])))
    return f"{value:g}" if value is not None else f"{violation_count} violations in {population}"
