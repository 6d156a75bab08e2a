"""``trinity run`` and ``trinity scenarios``: making runs. Must not know how a run works inside."""

from pathlib import Path
from shutil import rmtree
from typing import Annotated

import typer

from analysis.checks import read_checks
from bus.errors import EnvironmentProblem
from simulator.cli import present
from simulator.cli.output import fail, print_json, print_table, progress_bar
from simulator.cli.teach import examples
from simulator.clock import elapsed_ns
from simulator.compose import TRANSPORTS, Transport, workload_of
from simulator.errors import ScenarioError
from simulator.exit_codes import ExitCode
from simulator.garbage import collect_rarely
from simulator.interrupt import Interrupt
from simulator.judging import checks_folder, judge_and_report
from simulator.options import Options, resolve
from simulator.recording import Recorded, Recording, Watcher
from simulator.scenario import Scenario
from simulator.scenario_file import load_scenario, scenario_names
from simulator.summary import summarise
from store.run_folder import RunFolder, next_free

RUNS_DIR = Path("runs")
"""Where runs go, and where they are looked for by name."""

RUN_EXAMPLES = examples(
    ("trinity run", "24 hours in seconds"),
    ("trinity run busy --seed 7", "a busy day, another seed"),
    ("trinity run soak --duration 2h --out short", "a part of the day"),
    ("trinity run soak --events telemetry.jsonl", "records of your own"),
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def add_to(app: typer.Typer) -> None:
    app.command("run", epilog=RUN_EXAMPLES)(run)
    app.command("scenarios", epilog=examples(("trinity scenarios", "")))(scenarios)


def run(
    scenario: Annotated[
        str, typer.Argument(help="A scenario by name, or the path of a folder with one.")
    ] = "soak",
    seed: Annotated[str | None, typer.Option(help="Same scenario and seed: same log, to the byte.")] = None,
    duration: Annotated[
        str | None,
        typer.Option(envvar="TRINITY_TEST_DURATION", help="Like 24h or 90m; a bare number is hours."),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(envvar="TRINITY_TEST_BUDGET", help="Dollars for models, like 10.00.")
    ] = None,
    event_interval: Annotated[
        str | None,
        typer.Option(envvar="TRINITY_EVENT_INTERVAL", help="Between incidents; a bare number is minutes."),
    ] = None,
    snapshot_interval: Annotated[
        str | None,
        typer.Option(
            envvar="TRINITY_SNAPSHOT_INTERVAL", help="Between cost and pattern snapshots; bare: minutes."
        ),
    ] = None,
    metrics_interval: Annotated[
        str | None,
        typer.Option(envvar="TRINITY_METRICS_INTERVAL", help="Between system metrics; bare: minutes."),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(help='Telemetry from lines like {"ts"?, "label"?, "event": {"message", ...}}.'),
    ] = None,
    transport: Annotated[
        str, typer.Option(help="processes: agents as processes over ZeroMQ; inproc: in this one. Same log.")
    ] = "processes",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; otherwise a new one under runs/.")
    ] = None,
    json: Json = False,
) -> int:
    """Run a scenario in simulated time, record every event, judge the run.

    Exit codes: 0 every check passed, 1 a check failed, 2 bad input, 4 environment, 130 interrupted.
    """
    started_ns = elapsed_ns()
    options = Options(seed, duration, budget, event_interval, snapshot_interval, metrics_interval, events)
    chosen = _transport(transport)
    resolved = resolve(load_scenario(scenario), options)
    read_checks(checks_folder(resolved))  # what cannot be judged in the end is not begun
    workload_of(resolved)
    folder = RunFolder.create(next_free(RUNS_DIR, resolved.name, resolved.seed) if out is None else out)
    folder.scenario.write_text(resolved.to_toml(), encoding="utf-8")
    if not json:
        present.announce(resolved, folder, chosen)
    recorded = _record(resolved, folder, chosen, quiet=json)
    return _finish(folder, recorded, started_ns, json=json)


def scenarios(json: Json = False) -> None:
    """List the scenarios that come with Trinity."""
    listed = [load_scenario(name) for name in scenario_names()]
    if json:
        print_json([{"name": s.name, "title": s.title, "duration": str(s.duration)} for s in listed])
        return
    print_table("", ("scenario", "duration", "what"), [(s.name, s.duration, s.title) for s in listed])


def _record(scenario: Scenario, folder: RunFolder, transport: Transport, *, quiet: bool) -> Recorded:
    start_ns = scenario.start_ns
    collect_rarely()
    with (
        Interrupt() as interrupt,
        progress_bar(f"Simulating {scenario.duration}", scenario.duration, quiet=quiet) as bar,
    ):
        watcher = Watcher(
            lambda now_ns, count: bar.update(now_ns - start_ns, f"{count:,} events"),
            lambda: interrupt.requested,
        )
        recording = Recording(scenario, folder, transport, watcher)
        try:
            return recording.record()
        except EnvironmentProblem:
            if not recording.has_begun:
                rmtree(folder.path)
            raise


def _transport(text: str) -> Transport:
    for transport in TRANSPORTS:
        if text == transport:
            return transport
    raise ScenarioError(f"--transport {text!r} is unknown; choose one of {', '.join(TRANSPORTS)}")


def _finish(folder: RunFolder, recorded: Recorded, started_ns: int, *, json: bool) -> int:
    """Judge what was recorded and tell; the exit code. An interrupted run is told of, not judged."""
    verdict = None if recorded.status == "interrupted" else judge_and_report(folder)
    summary = summarise(folder, verdict)
    if json:
        print_json(summary)
    elif verdict is not None:
        present.end(summary, verdict, elapsed_ns() - started_ns)
    if verdict is None:
        return fail(
            f"interrupted after {recorded.event_count} events; {folder.path} holds a valid log up to there",
            ExitCode.INTERRUPTED,
        )
    if recorded.status == "failed":
        return fail(f"the run did not reach its end: {recorded.reason}", ExitCode.ENVIRONMENT)
    return ExitCode.OK if verdict.passed else ExitCode.CHECK_FAILED
