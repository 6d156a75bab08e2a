"""The options of ``trinity run`` laid over a scenario. Must not run it."""

from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from bus.errors import InputError
from simulator.duration import NANOUSD_PER_USD, NS_PER_UNIT, Duration, parse_usd
from simulator.embedding import with_embedder
from simulator.events_file import EventsFile, read_events_file
from simulator.faults.scaling import scaled
from simulator.importing import with_memory
from simulator.moment import format_moment
from simulator.scenario import Scenario
from simulator.scenario_rules import SEED_MAX, check_scenario
from simulator.weights import with_weights


class Options(Struct, frozen=True):
    """As typed; None where nothing was. A duration without a unit is in the unit of the document's option."""

    seed: str | None = None
    duration: str | None = None
    """Bare: hours."""
    budget: str | None = None
    """Dollars."""
    event_interval: str | None = None
    """Bare: minutes."""
    snapshot_interval: str | None = None
    """Bare: minutes."""
    metrics_interval: str | None = None
    """Bare: minutes."""
    events: Path | None = None
    memory: Path | None = None
    embedder: str | None = None
    variables: dict[str, str] = {}
    """The variable of the environment, for each field that was read from one."""

    def called(self, field: str) -> str:
        """What a person knows a field by."""
        return self.variables.get(field) or f"--{field.replace('_', '-')}"

    def typed(self) -> "Options":
        """Those alone that were typed for this run."""
        return msgspec.structs.replace(self, **dict.fromkeys(self.variables, None), variables={})


def resolve(
    scenario: Scenario, options: Options, note: Callable[[str], None] = lambda text: None
) -> Scenario:
    """The scenario with every option applied; ``note`` is told what a person may not expect of them.

    Raises:
        InputError: an option or the events file cannot be used; it names the option.
    """
    replace = msgspec.structs.replace
    intervals = scenario.intervals
    duration = _duration(options, "duration", "h", scenario.duration)
    scenario = replace(
        scenario,
        seed=scenario.seed if options.seed is None else _seed(options.seed),
        duration=duration,
        faults=scaled(scenario.faults, scenario.duration, duration),
        workload=replace(
            scenario.workload,
            event_interval=_duration(options, "event_interval", "m", scenario.workload.event_interval),
        ),
        intervals=replace(
            intervals,
            snapshot=_duration(options, "snapshot_interval", "m", intervals.snapshot),
            metrics=_duration(options, "metrics_interval", "m", intervals.metrics),
        ),
    )
    if options.budget is not None:
        budget = replace(scenario.budget, total_usd=_total_usd(options, options.budget))
        scenario = replace(scenario, budget=budget)
    if options.events is not None:
        scenario = _with_events(scenario, options.events, options, note)
    if options.memory is not None:
        witness = replace(scenario.witness, memory=str(options.memory), memory_sha256=None)
        scenario = replace(scenario, witness=witness)
    if options.embedder is not None:
        scenario = _with_embedder_named(scenario, options.embedder)
    check_scenario(scenario, "options")
    return with_memory(with_embedder(with_weights(scenario)))


def _with_embedder_named(scenario: Scenario, name: str) -> Scenario:
    """What was known of another one is forgotten."""
    witness = msgspec.structs.replace(
        scenario.witness, embedder=name, embedder_sha256=None, head=None, head_sha256=None
    )
    return msgspec.structs.replace(scenario, witness=witness)


def _with_events(scenario: Scenario, path: Path, options: Options, note: Callable[[str], None]) -> Scenario:
    """The file gives the workload, the start if its records are dated, and the least duration."""
    file = read_events_file(path, scenario.start_ns, scenario.workload.event_interval)
    start_ns = _start_ns(file, scenario)
    duration = scenario.duration
    if file.is_dated and options.event_interval is not None:
        note(f"{options.called('event_interval')} has no effect: the records of {path} have ts")
    if options.duration is not None:
        left_out_count = sum(item.time_ns >= start_ns + duration for item in file.items)
        if left_out_count:
            note(
                f"{left_out_count:,} of {len(file.items):,} records of {path} lie behind the {duration} of "
                "the run and are left out"
            )
    else:
        duration = Duration(max(duration, file.last_ns - start_ns + NS_PER_UNIT["s"]))
    if duration > Duration.parse("3660d"):
        raise InputError(f"{path}: its records span more than ten years; check ts, or split the file")
    workload = msgspec.structs.replace(
        scenario.workload, events_file=str(path.resolve()), events_sha256=file.sha256, noise_per_hour=0.0
    )
    start = format_moment(start_ns)
    return msgspec.structs.replace(scenario, start=start, duration=duration, workload=workload)


def _start_ns(file: EventsFile, scenario: Scenario) -> int:
    """The full hour before the first record."""
    hour_ns = NS_PER_UNIT["h"]
    return file.first_ns // hour_ns * hour_ns if file.is_dated else scenario.start_ns


def _duration(options: Options, field: str, bare_unit: str, default: Duration) -> Duration:
    text = getattr(options, field)
    if text is None:
        return default
    try:
        return Duration.parse(text, bare_unit)
    except InputError as error:
        raise InputError(f"{options.called(field)}: {error}") from None


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > SEED_MAX:
        raise InputError(f"--seed {text!r} is not a whole number from 0 to {SEED_MAX}")
    return int(text)


def _total_usd(options: Options, text: str) -> float:
    try:
        return parse_usd(text) / NANOUSD_PER_USD
    except InputError as error:
        raise InputError(f"{options.called('budget')}: {error}") from None
