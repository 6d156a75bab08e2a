"""``trinity run`` and ``trinity scenarios``: making runs. Must not know how a run works inside."""

from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import rmtree
from typing import Annotated, TypeVar, get_args

import typer

from analysis.checks import read_checks
from bus.curve import check_listen
from bus.errors import InputError, TrinityError
from simulator.cli import present
from simulator.cli.output import fail, print_json, print_table, progress_bar
from simulator.cli.teach import examples
from simulator.clock import elapsed_ns
from simulator.compose import TRANSPORTS, workload_of
from simulator.errors import ScenarioError
from simulator.exit_codes import ExitCode
from simulator.garbage import collect_rarely
from simulator.incarnation import Watcher
from simulator.interrupt import Interrupt
from simulator.judging import checks_folder, judge_and_report, scenario_of
from simulator.options import Options, resolve
from simulator.recording import Means, Recorded, Recording
from simulator.scenario import Scenario
from simulator.scenario_file import load_scenario, scenario_names
from simulator.summary import summarise
from store.log_writer import SyncPolicy
from store.run_folder import RunFolder, next_free
from store.whole_file import write_whole

RUNS_DIR = Path("runs")
"""Where runs go, and where they are looked for by name."""

PORT_MAX = 65_535

RUN_EXAMPLES = examples(
    ("trinity run", "24 hours in seconds"),
    ("trinity run busy --seed 7", "a busy day, another seed"),
    ("trinity run soak --duration 2h --out short", "a part of the day"),
    ("trinity run soak --events telemetry.jsonl", "records of your own"),
)

T = TypeVar("T")
Transports = Annotated[
    str, typer.Option(help="processes: agents as processes over ZeroMQ; inproc: in this one. Same log.")
]
Sync = Annotated[
    str,
    typer.Option(
        help="When the log is made durable: always, interval or off (safe unless the machine dies)."
    ),
]
Listen = Annotated[
    str | None, typer.Option(help="Meet agents on tcp://ADDRESS:PORT, encrypted, instead of a Unix socket.")
]
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
    transport: Transports = "processes",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; otherwise a new one under runs/.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(help="Take up a run that was killed or interrupted, as `trinity resume`.")
    ] = None,
    sync: Sync = "off",
    listen: Listen = None,
    json: Json = False,
) -> int:
    """Run a scenario in simulated time, record every event, judge the run.

    Exit codes: 0 every check passed, 1 a check failed, 2 bad input, 4 environment, 130 interrupted.
    """
    started_ns = elapsed_ns()
    options = Options(seed, duration, budget, event_interval, snapshot_interval, metrics_interval, events)
    means = means_of(transport, sync, listen)
    if resume is not None:
        if options != Options() or out is not None:
            raise InputError("--resume goes on with the options that the run was begun with; give no others")
        return take_up(resume, means, started_ns, json=json)
    resolved = resolve(load_scenario(scenario), options)
    read_checks(checks_folder(resolved))  # what cannot be judged in the end is not begun
    workload_of(resolved)
    folder = RunFolder.create(next_free(RUNS_DIR, resolved.name, resolved.seed) if out is None else out)
    write_whole(folder.scenario, resolved.to_toml())
    recorded = _carried_out(resolved, folder, means, Recording.record, quiet=json)
    return _finish(folder, recorded, started_ns, json=json)


def take_up(run: str, means: Means, started_ns: int, *, json: bool) -> int:
    """Go on with a run from its log to its end, and judge it."""
    folder = RunFolder.open_begun(run, RUNS_DIR)
    scenario = scenario_of(folder)
    read_checks(checks_folder(scenario))
    workload_of(scenario)
    recorded = _carried_out(scenario, folder, means, Recording.resume, quiet=json)
    return _finish(folder, recorded, started_ns, json=json)


def means_of(transport: str, sync: str, listen: str | None) -> Means:
    """Raises InputError for a value that is not one of those that there are, or makes no sense."""
    chosen = _one_of("--transport", transport, TRANSPORTS)
    if listen is not None and chosen != "processes":
        raise InputError("--listen is for agents as processes; leave out --transport inproc")
    if listen is not None:
        check_listen(listen, has_keys=True)
        port = listen.rpartition(":")[2]
        if port != "*" and not (port.isascii() and port.isdecimal() and 0 < int(port) <= PORT_MAX):
            raise InputError(f"--listen {listen!r} has no port from 1 to {PORT_MAX}, nor * for any free one")
    return Means(chosen, _one_of("--sync", sync, get_args(SyncPolicy)), listen)


def scenarios(json: Json = False) -> None:
    """List the scenarios that come with Trinity."""
    listed = [load_scenario(name) for name in scenario_names()]
    if json:
        print_json([{"name": s.name, "title": s.title, "duration": str(s.duration)} for s in listed])
        return
    print_table("", ("scenario", "duration", "what"), [(s.name, s.duration, s.title) for s in listed])


def _carried_out(
    scenario: Scenario, folder: RunFolder, means: Means, how: Callable[[Recording], Recorded], *, quiet: bool
) -> Recorded:
    start_ns = scenario.start_ns
    collect_rarely()
    with (
        Interrupt() as interrupt,
        progress_bar(f"Simulating {scenario.duration}", scenario.duration, quiet=quiet) as bar,
    ):
        watcher = Watcher(
            lambda now_ns, count: bar.update(now_ns - start_ns, f"{count:,} events"),
            lambda: interrupt.requested,
            lambda: None if quiet else present.announce(scenario, folder, means.transport),
        )
        recording = Recording(scenario, folder, means, watcher)
        try:
            return how(recording)
        except TrinityError:
            if recording.is_new and not recording.has_begun:
                rmtree(folder.path)
            raise


def _one_of(option: str, text: str, choices: Sequence[T]) -> T:
    for choice in choices:
        if text == choice:
            return choice
    raise ScenarioError(f"{option} {text!r} is unknown; choose one of {', '.join(map(str, choices))}")


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
            f"interrupted after {recorded.event_count} events; `trinity resume {folder.path}` goes on",
            ExitCode.INTERRUPTED,
        )
    if recorded.status == "failed":
        return fail(f"the run did not reach its end: {recorded.reason}", ExitCode.ENVIRONMENT)
    return ExitCode.OK if verdict.passed else ExitCode.CHECK_FAILED
