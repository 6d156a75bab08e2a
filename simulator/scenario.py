"""A scenario: everything that decides what a run does, as data. Must not build any of it."""

from hashlib import sha256

import msgspec
import tomli_w
from msgspec import Struct

from agents.agent import Tier
from agents.models.model import ModelSpec
from bus.bodies import PatternKind
from simulator.duration import NANOUSD_PER_USD, Duration
from simulator.moment import parse_moment_ns


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
        return parse_moment_ns(self.start)

    def sha256(self) -> str:
        """Digest of every option but the path of the events file, whose content counts."""
        workload = msgspec.structs.replace(self.workload, events_file=None)
        resolved = msgspec.structs.replace(self, workload=workload)
        return sha256(
            msgspec.json.encode(resolved, enc_hook=encode_duration, order="deterministic")
        ).hexdigest()

    def to_toml(self) -> str:
        plain = msgspec.to_builtins(self, enc_hook=encode_duration)
        return tomli_w.dumps(_without_nulls(plain))


def encode_duration(value: object) -> object:
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
