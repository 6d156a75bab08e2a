"""A scenario: everything that decides what a run does, as data. Must not build any of it."""

from hashlib import sha256
from typing import Literal

import msgspec
import tomli_w
from msgspec import Struct

from agents.agent import Tier
from agents.models.model import ModelSpec
from bus.bodies import PatternKind
from simulator.duration import NANOUSD_PER_USD, Duration
from simulator.faults.offset import Offset
from simulator.faults.rules import FaultSettings
from simulator.moment import parse_moment_ns
from simulator.wording import Manner, Project

DetectorName = Literal["lexicon", "linear"]
HASHING = "hashing"
"""The embedder that needs no model."""


class _Strict(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class WorkloadSettings(_Strict, frozen=True):
    event_interval: Duration
    noise_per_hour: float
    events_file: str | None = None
    events_sha256: str | None = None
    project: Project = "shop"
    """Whose words the records are in."""
    oblique_share: float = Manner().oblique_share
    """Of the incidents: how many are told in a roundabout way."""

    @property
    def manner(self) -> Manner:
        return Manner(self.project, self.oblique_share)


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


class SupervisionSettings(_Strict, frozen=True):
    """How agents that ended or fell silent are started again."""

    restart_backoff: Duration = Duration.parse("1s")
    """Before the first restart of an outage; doubled for each further one, up to ``restart_backoff_max``."""
    restart_backoff_max: Duration = Duration.parse("1m")
    restarts_max: int = 5
    """After so many restarts that failed, none is made until the run heals."""
    silence_max: Duration = Duration.parse("3m")
    """A hanging agent is noticed, and ended, after this."""


class WitnessSettings(_Strict, frozen=True):
    """What has a default may be left out, and then does not count in the digest of the scenario."""

    thresholds: dict[PatternKind, float]
    detector: DetectorName = "lexicon"
    """Trained weights (``linear``), or rules; see docs/detection.md."""
    model: str | None = None
    """File of weights for ``linear``; the one that comes with Trinity if there is none."""
    model_sha256: str | None = None
    """Of the weights; filled in when a run is resolved."""
    embedder: str = HASHING
    """Or a model of sentence-transformers, by name or folder."""
    embedder_sha256: str | None = None
    """Of such a model; filled in when a run is resolved."""
    head: str | None = None
    """File of a head for that model; the one that comes with Trinity if there is none and it fits."""
    head_sha256: str | None = None
    """Of the head; filled in when a run is resolved, if there is any."""
    memory: str | None = None
    """File of patterns that earlier runs learned."""
    memory_sha256: str | None = None
    patterns_max: int = 4_096
    review_above: float | None = None
    """WITNESS asks about a dismissed record if the likeliest kind has more confidence than this."""


class FeedbackSettings(_Strict, frozen=True):
    """A reviewer looks at what came of detections and tells WITNESS; not always, and not always rightly."""

    missing_share: float = 0.0
    """Of the answers: how many never come."""
    wrong_share: float = 0.0
    """Of those that come: how many say the opposite of the truth."""
    chance_share: float | None = None
    """In place of the truth: so many answers are "confirmed", whatever they are about. For experiments."""


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
    supervision: SupervisionSettings = SupervisionSettings()
    faults: FaultSettings = FaultSettings()
    feedback: FeedbackSettings | None = None
    """Without it, EXECUTOR's own verdict is the feedback."""

    @property
    def start_ns(self) -> int:
        return parse_moment_ns(self.start)

    @property
    def heal_ns(self) -> int | None:
        """From this moment on no fault rule fires; None if nothing has to heal."""
        return None if self.faults.heal_at is None else self.start_ns + self.faults.heal_at

    def sha256(self) -> str:
        """Digest of every option but the paths of files, whose content counts.

        Tables and keys that may be left out, and are at their defaults, do not count: logs that are older
        than they are keep their digest. The order of fault rules counts, since it decides.
        """
        replace = msgspec.structs.replace
        witness = replace(self.witness, model=None, memory=None, head=None)
        if witness.embedder_sha256 is not None:
            witness = replace(witness, embedder=HASHING)
        nameless = replace(self, workload=replace(self.workload, events_file=None), witness=witness)
        plain = _plain(nameless, order="deterministic")
        for table, default in (
            ("supervision", SupervisionSettings()),
            ("faults", FaultSettings()),
            ("feedback", None),
        ):
            if getattr(self, table) == default:
                del plain[table]
        plain["witness"] = _without_defaults(nameless.witness, plain["witness"])
        older = ("events_file", "events_sha256")
        plain["workload"] = _without_defaults(nameless.workload, plain["workload"], older)
        if self.faults.rules:
            plain["order_of_rules"] = list(self.faults.rules)
        return sha256(msgspec.json.encode(plain)).hexdigest()

    def to_toml(self) -> str:
        return tomli_w.dumps(_without_nulls(_plain(self)))


def _plain(scenario: Scenario, order: Literal["deterministic"] | None = None) -> dict[str, object]:
    plain = msgspec.to_builtins(scenario, enc_hook=_encode, order=order)
    assert isinstance(plain, dict)
    return plain


def _without_defaults(
    settings: WitnessSettings | WorkloadSettings, plain: object, older: tuple[str, ...] = ()
) -> dict[str, object]:
    """Without what is at its default, but for keys that logs of any age count."""
    assert isinstance(plain, dict)
    defaults = {field.name: field.default for field in msgspec.structs.fields(settings)}
    return {key: value for key, value in plain.items() if key in older or value != defaults[key]}


def _encode(value: object) -> object:
    if isinstance(value, Duration | Offset):
        return str(value)
    raise NotImplementedError(type(value))


def _without_nulls(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return {
        str(key): _without_nulls(item) if isinstance(item, dict) else item
        for key, item in value.items()
        if item is not None
    }
