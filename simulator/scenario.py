"""A scenario: everything that decides what a run does, as data. Must not build any of it.

A scenario is a folder with ``scenario.toml`` and, if it judges runs itself, ``checks/*.sql``. Unknown keys
are refused with the path of the key.
"""

import re
import tomllib
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import msgspec
import tomli_w
from msgspec import Struct

from agents.agent import Tier
from agents.models.model import ModelSpec
from bus.bodies import PatternKind
from bus.errors import InputError
from simulator.clock import NS_PER_S
from simulator.duration import NANOUSD_PER_USD, Duration
from simulator.errors import ScenarioError

SEED_MAX = 2**63 - 1
NOISE_PER_HOUR_MAX = 1_000_000.0
EVENT_INTERVAL_NS_MIN = 1_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class _Strict(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class WorkloadSettings(_Strict, frozen=True):
    event_interval: Duration
    noise_per_hour: float
    events_file: str | None = None
    events_sha256: str | None = None


class BudgetSettings(_Strict, frozen=True):
    total_usd: float
    shares: dict[str, float]

    @property
    def total_nanousd(self) -> int:
        return round(self.total_usd * NANOUSD_PER_USD)

    def granted_nanousd(self, agent: str) -> int:
        return int(self.total_nanousd * self.shares.get(agent, 0.0))


class IntervalSettings(_Strict, frozen=True):
    snapshot: Duration
    metrics: Duration
    heartbeat: Duration


class QueueSettings(_Strict, frozen=True):
    consumer: str
    delay: Duration
    depth_max: int


class RetrySettings(_Strict, frozen=True):
    attempts_max: int
    backoff: Duration


class WitnessSettings(_Strict, frozen=True):
    thresholds: dict[PatternKind, float]


class LimitSettings(_Strict, frozen=True):
    segment_bytes: int


class Scenario(_Strict, frozen=True):
    """A scenario with every option resolved."""

    name: str
    title: str
    seed: int
    start: str
    duration: Duration
    checks: str
    workload: WorkloadSettings
    budget: BudgetSettings
    intervals: IntervalSettings
    queues: dict[str, QueueSettings]
    retry: RetrySettings
    witness: WitnessSettings
    models: dict[Tier, ModelSpec]
    limits: LimitSettings

    @property
    def start_ns(self) -> int:
        delta = _moment(self.start) - datetime.fromtimestamp(0, UTC)
        return (delta.days * 86_400 + delta.seconds) * NS_PER_S

    def sha256(self) -> str:
        """Digest of every option but the path of the events file, whose content counts."""
        workload = msgspec.structs.replace(self.workload, events_file=None)
        resolved = msgspec.structs.replace(self, workload=workload)
        return sha256(msgspec.json.encode(resolved, enc_hook=_encode, order="deterministic")).hexdigest()

    def to_toml(self) -> str:
        plain = msgspec.to_builtins(self, enc_hook=_encode)
        return tomli_w.dumps(_without_nulls(plain))


def scenario_names() -> list[str]:
    """The scenarios that come with Trinity."""
    folder = files("simulator").joinpath("scenarios")
    return sorted(entry.name for entry in folder.iterdir() if entry.joinpath("scenario.toml").is_file())


def scenario_folder(name_or_path: str) -> Path:
    """The folder of a scenario: one that comes with Trinity, or a path.

    Raises:
        ScenarioError: there is none.
    """
    for folder in (Path(str(files("simulator").joinpath("scenarios"))) / name_or_path, Path(name_or_path)):
        if (folder / "scenario.toml").is_file():
            return folder
    known = ", ".join(scenario_names())
    raise ScenarioError(
        f"no scenario is called {name_or_path!r}; there are {known}, "
        f"or give the path of a folder with a scenario.toml"
    )


def load_scenario(name_or_path: str) -> Scenario:
    """Raises ScenarioError: unknown scenario, bad TOML, unknown or mistyped key, or a value out of range."""
    path = scenario_folder(name_or_path) / "scenario.toml"
    return parse_scenario(path.read_bytes(), str(path))


def parse_scenario(content: bytes, place: str) -> Scenario:
    """Read TOML; ``place`` names it in errors.

    With ``extends = "soak"`` it says only what differs from that scenario.

    Raises:
        ScenarioError: bad TOML, unknown or mistyped key, or a value out of range.
    """
    try:
        table = _extended(tomllib.loads(content.decode()))
        scenario = msgspec.convert(table, Scenario, dec_hook=_decode)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError, InputError) as error:
        raise ScenarioError(f"{place}: {error}; see the scenario soak for every key") from None
    check_scenario(scenario, place)
    return scenario


def _extended(table: dict[str, object]) -> dict[str, object]:
    """The table laid over the one that it extends: one step, so a scenario is read in two places at most."""
    base = table.pop("extends", None)
    if base is None:
        return table
    path = scenario_folder(str(base)) / "scenario.toml"
    return _laid_over(tomllib.loads(path.read_text(encoding="utf-8")), table)


def _laid_over(base: dict[str, object], top: dict[str, object]) -> dict[str, object]:
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        merged[key] = (
            _laid_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
        )
    return merged


def check_scenario(scenario: Scenario, place: str) -> None:
    """Raises ScenarioError with the key whose value is out of range."""
    agents = {queue.consumer for queue in scenario.queues.values()}
    rules = (
        ("name", bool(_NAME.fullmatch(scenario.name)), "is letters, digits, dot, dash and underscore"),
        ("seed", 0 <= scenario.seed <= SEED_MAX, "is from 0 to 2^63 - 1"),
        (
            "workload.noise_per_hour",
            0 <= scenario.workload.noise_per_hour <= NOISE_PER_HOUR_MAX,
            "is from 0 to 1e6",
        ),
        (
            "workload.event_interval",
            scenario.workload.event_interval >= EVENT_INTERVAL_NS_MIN,
            "is at least 1ms",
        ),
        ("budget.total_usd", 0 <= scenario.budget.total_usd <= 1e9, "is 0 or more, and at most a billion"),
        ("budget.shares", all(0 <= s <= 1 for s in scenario.budget.shares.values()), "are from 0 to 1"),
        ("budget.shares", sum(scenario.budget.shares.values()) <= 1 + 1e-9, "sum to at most 1"),
        (
            "budget.shares",
            set(scenario.budget.shares) <= agents,
            f"belong to agents: {', '.join(sorted(agents))}",
        ),
        ("queues", all(q.depth_max >= 1 for q in scenario.queues.values()), "have a depth_max of at least 1"),
        ("retry.attempts_max", 1 <= scenario.retry.attempts_max <= 10, "is from 1 to 10"),
        (
            "witness.thresholds",
            all(0 <= t < 1 for t in scenario.witness.thresholds.values()),
            "are from 0 to below 1",
        ),
        ("models", set(scenario.models) == {"local", "cloud"}, "are local and cloud"),
        ("models", all(m.provider == "mock" for m in scenario.models.values()), "have the provider mock"),
        ("limits.segment_bytes", scenario.limits.segment_bytes >= 1 << 20, "is at least 1048576"),
    )
    for key, holds, rule in rules:
        if not holds:
            raise ScenarioError(f"{place}: {key} {rule}; mend the value")
    try:
        _moment(scenario.start)
    except ValueError:
        raise ScenarioError(
            f"{place}: start {scenario.start!r} is not a moment like 2025-10-01T00:00:00Z"
        ) from None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _decode(wanted: type, value: object) -> object:
    if wanted is Duration:
        if not isinstance(value, str):
            raise InputError(f'{value!r} is not a duration; write it in quotes, like "30m"')
        return Duration.parse(value)
    raise NotImplementedError(wanted)


def _encode(value: object) -> object:
    if isinstance(value, Duration):
        return str(value)
    raise NotImplementedError(type(value))


def _without_nulls(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return {
        str(key): _without_nulls(item) if isinstance(item, dict) else item
        for key, item in value.items()
        if item is not None
    }
