"""``trinity run`` and ``trinity scenarios``: making runs. Must not know how a run works inside."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from shlex import quote
from shutil import rmtree
from typing import Annotated, NamedTuple, TypeVar, get_args

import typer

from analysis.checks import read_checks
from bus.errors import InputError, TrinityError
from simulator.cli import present, run_options
from simulator.cli.carried import hand_on, note_imports
from simulator.cli.outlet import outlive_output
from simulator.cli.output import (
    fail,
    is_interruption,
    note,
    print_json,
    print_pairs,
    print_table,
    progress_bar,
)
from simulator.cli.teach import examples
from simulator.clock import elapsed_ns
from simulator.compose import TRANSPORTS, workload_of
from simulator.embedding import check_embedder
from simulator.errors import ScenarioError
from simulator.exit_codes import ExitCode
from simulator.garbage import collect_rarely
from simulator.incarnation import Watcher
from simulator.interrupt import Interrupt
from simulator.judging import checks_folder, judge_and_report, scenario_of
from simulator.options import Options, resolve
from simulator.provisions import lay_in, provisions_of
from simulator.recording import Means, Recorded, Recording
from simulator.scenario import Scenario
from simulator.scenario_file import load_scenario, scenario_folder, scenario_names
from simulator.summary import summarise
from store.errors import RunExists
from store.layout import has_log
from store.log_writer import SyncPolicy
from store.manifest import is_closed
from store.run_folder import RunFolder, next_free

RUNS_DIR = Path("runs")
"""Where runs go, and where they are looked for by name."""

PORT_MAX = 65_535
NUMBER_TRIES_MAX = 100
"""So many runs of one scenario may be begun at the same moment."""

RUN_EXAMPLES = examples(
    ("trinity run", "24 hours in seconds"),
    ("trinity run busy --seed 7", "a busy day, another seed"),
    ("trinity run soak --duration 2h --out short", "a part of the day"),
    ("trinity run soak --events telemetry.jsonl", "records of your own"),
    ("trinity run soak --memory team.patterns", "begin with what earlier runs learned"),
    ("trinity run soak --embedder all-MiniLM-L6-v2", "compare texts by a sentence model"),
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


class _Task(NamedTuple):
    """A run to be recorded, and how."""

    scenario: Scenario
    original: Scenario | None
    """Before options were applied; None if that is not known any more."""
    folder: RunFolder
    means: Means
    started_ns: int
    json: bool


def add_to(app: typer.Typer) -> None:
    app.command("run", epilog=RUN_EXAMPLES)(run)
    app.command("scenarios", epilog=examples(("trinity scenarios", "")))(scenarios)


def run(
    context: typer.Context,
    scenario: run_options.Named = "soak",
    seed: run_options.Seed = None,
    duration: run_options.Duration = None,
    budget: run_options.Budget = None,
    event_interval: run_options.EventInterval = None,
    snapshot_interval: run_options.SnapshotInterval = None,
    metrics_interval: run_options.MetricsInterval = None,
    events: run_options.Events = None,
    memory: run_options.Memory = None,
    embedder: run_options.Embedder = None,
    transport: Transports = "processes",
    out: run_options.Out = None,
    resume: run_options.Resume = None,
    sync: Sync = "off",
    listen: Listen = None,
    json: Json = False,
) -> int:
    """Run a scenario in simulated time, record every event, judge the run.

    Exit codes: 0 every check passed, 1 a check failed, 2 bad input, 4 environment, 130 interrupted; with
    --resume also 3 diverged, 5 damaged.
    """
    started_ns = elapsed_ns()
    variables = _variables(context)
    options = Options(
        seed,
        duration,
        budget,
        event_interval,
        snapshot_interval,
        metrics_interval,
        events,
        memory,
        embedder,
        variables,
    )
    means = means_of(transport, sync, listen)
    if resume is not None:
        if options.typed() != Options() or out is not None:
            raise InputError("--resume goes on with the options that the run was begun with; give no others")
        return take_up(resume, means, started_ns, json=json)
    loaded = load_scenario(scenario)
    resolved = resolve(loaded, options, note)
    read_checks(checks_folder(resolved))  # what cannot be judged in the end is not begun
    workload_of(resolved)
    folder = _new_run(resolved, out)
    task = _Task(resolved, _original(resolved, loaded), folder, means, started_ns, json)
    return _carried_out(task, Recording.record)


def take_up(run: str, means: Means, started_ns: int, *, json: bool) -> int:
    """Go on with a run from its log to its end, and judge it."""
    folder = RunFolder.open_begun(run, RUNS_DIR)
    scenario = scenario_of(folder)
    read_checks(checks_folder(scenario))
    workload_of(scenario)
    check_embedder(scenario.witness)
    task = _Task(scenario, _original(scenario, None), folder, means, started_ns, json)
    return _carried_out(task, Recording.resume)


def means_of(transport: str, sync: str, listen: str | None) -> Means:
    """Raises InputError for a value that is not one of those that there are, or makes no sense."""
    chosen = _one_of("--transport", transport, TRANSPORTS)
    if listen is not None and chosen != "processes":
        raise InputError("--listen is for agents as processes; leave out --transport inproc")
    if listen is not None:
        if not listen.startswith("tcp://"):
            raise InputError(f"--listen {listen!r} is no address like tcp://ADDRESS:PORT")
        port = listen.rpartition(":")[2]
        if port != "*" and not (port.isascii() and port.isdecimal() and 0 < int(port) <= PORT_MAX):
            raise InputError(f"--listen {listen!r} has no port from 1 to {PORT_MAX}, nor * for any free one")
    return Means(chosen, _one_of("--sync", sync, get_args(SyncPolicy)), listen)


def scenarios(json: Json = False) -> None:
    """List the scenarios that come with Trinity."""
    listed = [load_scenario(name) for name in scenario_names()]
    folders = {s.name: str(scenario_folder(s.name)) for s in listed}
    if json:
        rows = [(s.name, s.title, str(s.duration), folders[s.name]) for s in listed]
        print_json([dict(zip(("name", "title", "duration", "folder"), row, strict=True)) for row in rows])
        return
    print_table("", ("scenario", "duration", "what"), [(s.name, s.duration, s.title) for s in listed])
    print_pairs(folders)


def _variables(context: typer.Context) -> dict[str, str]:
    """The variables of the environment that options were read from, by the option's name."""
    return {
        parameter.name: str(parameter.envvar)
        for parameter in context.command.params
        if parameter.name
        and getattr(context.get_parameter_source(parameter.name), "name", "") == "ENVIRONMENT"
    }


def _new_run(scenario: Scenario, out: Path | None) -> RunFolder:
    """The folder of a run that can begin: copies of the files that the scenario names, and then itself."""
    provisions = provisions_of(scenario)
    folder = _new_numbered(scenario) if out is None else _new_folder(out)
    lay_in(provisions, scenario, folder)
    return folder


def _new_numbered(scenario: Scenario) -> RunFolder:
    """A folder under runs/; somebody else may take the same number at the same moment."""
    for _ in range(NUMBER_TRIES_MAX - 1):
        with suppress(RunExists):
            return RunFolder.create(next_free(RUNS_DIR, scenario.name, scenario.seed))
    return RunFolder.create(next_free(RUNS_DIR, scenario.name, scenario.seed))


def _new_folder(out: Path) -> RunFolder:
    """Raises InputError for a folder that holds a run; nobody is told to remove one that may go on."""
    try:
        return RunFolder.create(out)
    except RunExists:
        folder = RunFolder(out)
        if not has_log(folder.events) and not folder.scenario.is_file():
            raise
        if is_closed(folder.events) and summarise(folder, None).status != "interrupted":
            raise InputError(f"{out} exists already and holds a run; choose another name") from None
        raise InputError(
            f"{out} exists already and holds a run that is not finished, or still being written; "
            f"`trinity resume {quote(str(out))}` goes on with it, or choose another name"
        ) from None


def _original(scenario: Scenario, loaded: Scenario | None) -> Scenario | None:
    """The scenario before any option; the folder of a run, which is one too, has them applied."""
    known = load_scenario(scenario.name) if scenario.name in scenario_names() else None
    return known if known is not None and known.title == scenario.title else loaded


def _carried_out(task: _Task, how: Callable[[Recording], Recorded]) -> int:
    """Record, judge and tell, whether or not anybody hears it; the exit code."""
    outlive_output()
    collect_rarely()
    with Interrupt() as interrupt:
        try:
            recorded = _recorded(task, how, interrupt)
        except KeyboardInterrupt:
            return _told_interrupted(task, "interrupted")
        if recorded.status == "interrupted":
            return _told_interrupted(task, f"interrupted after {recorded.event_count} events")
    try:
        return _finish(task, recorded)
    except (KeyboardInterrupt, RuntimeError) as error:
        if not is_interruption(error):
            raise
        path = quote(str(task.folder.path))
        return fail(
            f"interrupted while the run was judged; `trinity report {path}` does it again",
            ExitCode.INTERRUPTED,
        )


def _recorded(task: _Task, how: Callable[[Recording], Recorded], interrupt: Interrupt) -> Recorded:
    scenario, folder = task.scenario, task.folder
    start_ns = scenario.start_ns
    title = f"Simulating {present.readable(scenario.duration)}"
    with progress_bar(title, scenario.duration, quiet=task.json) as bar:

        def begun() -> None:
            if not task.json:
                present.announce(scenario, task.original, folder, task.means.transport)
            note_imports(scenario, folder)

        watcher = Watcher(
            lambda now_ns, count: bar.update(now_ns - start_ns, f"{count:,} events"),
            lambda: interrupt.requested,
            begun,
        )
        recording = Recording(scenario, folder, task.means, watcher)
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


def _told_interrupted(task: _Task, what: str) -> int:
    """An interrupted run is told of, not judged."""
    if task.json:
        with suppress(TrinityError):  # there may be no event yet
            print_json(summarise(task.folder, None))
    return fail(f"{what}; `trinity resume {quote(str(task.folder.path))}` goes on", ExitCode.INTERRUPTED)


def _finish(task: _Task, recorded: Recorded) -> int:
    """Hand on what was learned, judge what was recorded and tell; the exit code."""
    carried = hand_on(task.folder) if recorded.status == "completed" else ExitCode.OK
    verdict = judge_and_report(task.folder)
    summary = summarise(task.folder, verdict)
    if task.json:
        print_json(summary)
    else:
        has_faults = bool(task.scenario.faults.rules)
        present.end(summary, verdict, elapsed_ns() - task.started_ns, has_faults=has_faults)
    if recorded.status == "failed":
        return fail(f"the run did not reach its end: {recorded.reason}", ExitCode.ENVIRONMENT)
    return carried or (ExitCode.OK if verdict.passed else ExitCode.CHECK_FAILED)
