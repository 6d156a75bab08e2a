"""``trinity info``, ``verify``, ``export``, ``doctor``: looking at runs and the machine. Must change none."""

from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from analysis.catalog import find_query
from analysis.export import FORMATS
from analysis.export import export as export_rows
from bus.errors import DamageError, EnvironmentProblem, InputError
from simulator.cli import present
from simulator.cli.answer import Run
from simulator.cli.output import fail, print_json, print_pairs, print_table, say
from simulator.cli.run import RUNS_DIR, Json
from simulator.cli.teach import examples
from simulator.doctor import examine
from simulator.duration import Duration
from simulator.errors import ScenarioError
from simulator.exit_codes import ExitCode
from simulator.judging import judge, scenario_of, sha256_on_log
from simulator.moment import format_moment
from simulator.persistence import Compared, compare_persistence
from simulator.summary import summarise
from store.run_folder import RunFolder, check_unicode
from store.verify import verify as verify_log

EXPORT_EXAMPLES = examples(
    ("trinity export latest --format parquet", "all events, into the run folder"),
    ("trinity export latest --query confusion --out confusion.csv", ""),
)

VERIFY_EXAMPLES = examples(
    ("trinity verify latest", ""),
    ("trinity verify latest --persistence", "after `trinity resume`"),
)


def add_to(app: typer.Typer) -> None:
    app.command("info", epilog=examples(("trinity info latest", "")))(info)
    app.command("verify", epilog=VERIFY_EXAMPLES)(verify)
    app.command("export", epilog=EXPORT_EXAMPLES)(export)
    app.command("doctor", epilog=examples(("trinity doctor", "")))(doctor)


def info(run: Run, json: Json = False) -> None:
    """Show what a run is: scenario, seed, digest, events, status, verdict."""
    folder = RunFolder.open(run, RUNS_DIR)
    summary = summarise(folder, None)
    scenario_of(folder)  # it may be another one than that of the log
    if summary.status == "completed":
        summary = summarise(folder, judge(folder))
    if json:
        print_json(summary)
        return
    say(folder.name, "bold")
    print_pairs(
        {
            "folder": folder.path,
            "scenario": summary.scenario,
            "seed": summary.seed,
            "start": format_moment(summary.start_ns),
            "duration": present.readable(Duration(summary.duration_ns)),
            "budget": present.usd(summary.budget_nanousd),
            "events": f"{summary.events:,}",
            "status": summary.status,
            "verdict": summary.verdict,
            "digest": summary.digest or "none, the log is not closed",
        }
    )


def verify(
    run: Run,
    persistence: Annotated[
        bool, typer.Option("--persistence", help="Also compare what was known before and after each end.")
    ] = False,
    json: Json = False,
) -> int:
    """Check the log of a run from end to end: every CRC, every commit, every checksum.

    With --persistence also that patterns, costs and queues were the same before and after each time that the
    run was taken up again, and at its end. Exit code 5 for damage, 1 when something was not kept.
    """
    folder = RunFolder.open(run, RUNS_DIR)
    logs = {"events": folder.events, "observations": folder.observations}
    verified = {name: verify_log(path) for name, path in logs.items()}
    scenario = _compared_scenario(folder)
    sound = all(v.sound for v in verified.values()) and scenario.problem is None
    compared = compare_persistence(folder) if persistence and sound else []
    if json:
        kept = [{**c._asdict(), "equal": c.is_equal} for c in compared]
        print_json(
            {
                "run": str(folder.path),
                "sound": sound,
                **verified,
                "scenario": scenario._asdict(),
                "persistence": kept,
            }
        )
        return _verify_code(sound, compared)
    for name, verification in verified.items():
        state = "sound" if verification.sound else _counted(verification.problem_count, "problem")
        if not verification.closed:
            state += ", not closed"
        if verification.torn_bytes:
            state += f", {_counted(verification.torn_bytes, 'byte')} of a torn tail passed over"
        say(f"{name}: {verification.event_count:,} events, {state}, sha256 {verification.digest}")
    say(f"scenario.toml: {scenario.state}")
    problems = [(p.segment, p.line, p.seq, p.problem) for v in verified.values() for p in v.problems]
    if scenario.problem is not None:
        problems.append((folder.scenario.name, None, None, scenario.problem))
    if problems:
        print_table("", ("segment", "line", "seq", "problem"), problems)
        return fail(
            f"{folder.path} is damaged: {problems[0][0]}: {problems[0][3]}; restore it from a copy",
            ExitCode.DAMAGED,
        )
    return _present_persistence(folder, compared) if persistence else ExitCode.OK


class _ComparedScenario(NamedTuple):
    state: str
    problem: str | None = None


def _compared_scenario(folder: RunFolder) -> _ComparedScenario:
    """Whether scenario.toml is that of the log; a log can be checked without one."""
    if not folder.scenario.exists():
        return _ComparedScenario("missing, so the log was checked alone")
    try:
        scenario_of(folder)
    except DamageError as error:
        problem = str(error).removeprefix(str(folder.scenario)).lstrip(": ").partition("; ")[0]
        return _ComparedScenario("not that of the log", problem)
    except ScenarioError as error:
        return _ComparedScenario(f"not compared: {error}")
    return _ComparedScenario("not compared" if sha256_on_log(folder) is None else "that of the log")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _present_persistence(folder: RunFolder, compared: list[Compared]) -> int:
    if not compared:
        return fail(f"{folder.path} never came to an end, so there is nothing to compare", ExitCode.BAD_INPUT)
    rows = [("same" if c.is_equal else "LOST", c.seq, c.what, c.before[:16], c.after[:16]) for c in compared]
    print_table("", ("", "at seq", "what", "by the log", "by those who went on"), rows)
    if all(c.is_equal for c in compared):
        return ExitCode.OK
    lost = next(c for c in compared if not c.is_equal)
    return fail(f"{folder.path}: {lost.what} was not kept at seq {lost.seq}", ExitCode.CHECK_FAILED)


def _verify_code(sound: bool, compared: list[Compared]) -> int:
    if not sound:
        return ExitCode.DAMAGED
    return ExitCode.OK if all(c.is_equal for c in compared) else ExitCode.CHECK_FAILED


def export(
    run: Run,
    output_format: Annotated[
        str | None,
        typer.Option("--format", help="csv, parquet or jsonl; otherwise what --out ends with, or csv."),
    ] = None,
    query: Annotated[
        str | None, typer.Option(help="Export the answer of a named query instead of all events.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A new file; otherwise one in exports/ in the run folder.")
    ] = None,
    json: Json = False,
) -> None:
    """Write the events of a run, or the answer of a named query, to one file for other tools."""
    folder = RunFolder.open(run, RUNS_DIR)
    chosen = _export_format(output_format, out)
    path = _export_path(folder, query, chosen, out)
    row_count = export_rows(folder, path, chosen, query)
    if json:
        print_json({"run": str(folder.path), "file": str(path), "rows": row_count})
    else:
        say(f"{path}: {row_count:,} rows")


def doctor(json: Json = False) -> int:
    """Examine this machine: Python, packages, ZeroMQ, DuckDB, FAISS, disk. Exit code 4 when one is ill."""
    findings = examine(RUNS_DIR)
    healthy = all(finding.healthy for finding in findings)
    if json:
        print_json({"healthy": healthy, "findings": [finding._asdict() for finding in findings]})
    else:
        rows = [("ok" if f.healthy else "ILL", f.what, f.found) for f in findings]
        print_table("", ("", "what", "found"), rows)
    return ExitCode.OK if healthy else ExitCode.ENVIRONMENT


def _export_format(asked: str | None, out: Path | None) -> str:
    """What was asked for; otherwise what the name of the file says."""
    if asked is not None and asked not in FORMATS:
        raise InputError(f"--format {asked!r} is unknown; choose one of {', '.join(FORMATS)}")
    suffix = "" if out is None else out.suffix.removeprefix(".").lower()
    named = suffix if suffix in FORMATS else None
    if asked and named and asked != named:
        raise InputError(f"--out {out} is not named like --format {asked}; leave out one, or let them agree")
    return asked or named or FORMATS[0]


def _export_path(folder: RunFolder, query: str | None, output_format: str, out: Path | None) -> Path:
    """Where to export to: a new file, or one in the run folder that is made anew each time."""
    name = "events" if query is None else find_query(query).name
    if out is not None:
        check_unicode(out)
        if not out.parent.is_dir():
            raise InputError(f"--out {out}: there is no folder {out.parent}; make it first")
        return out
    exports = folder.path / "exports"
    path = exports / f"{name}.{output_format}"
    try:
        exports.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
    except OSError as error:
        problem = f"{path}: cannot write the export: {error.strerror}; give another place with --out"
        raise EnvironmentProblem(problem) from None
    return path
