"""What an event says: one frozen struct per event type.

Must not hold behaviour, defaults that read a clock, or floats for money or time.

A body's class attribute ``TYPE`` is the value of ``type`` in the envelope (:class:`bus.events.Event`), and
:data:`BODIES` lists every class: together they are the tagged union of the log. Rules that keep old logs
readable: a field is only ever added, with a default; a field name has one type and one meaning in all
bodies; a type name is never used again for something else. A field that is null or at its default where the
class says ``omit_defaults`` is absent from the line.

Money is integer nano-US-dollars (``_nanousd``), time integer nanoseconds (``_ns``); moments count from the
Unix epoch.
"""

from typing import ClassVar, Literal

from msgspec import Struct, field

from bus.body import Body as Body
from bus.body import Count as Count
from bus.body import Label as Label
from bus.body import Name as Name
from bus.body import PatternKind as PatternKind
from bus.body import Share as Share
from bus.body import Text as Text
from bus.delivered import DeliveryAcknowledged as DeliveryAcknowledged
from bus.delivered import DeliveryDeadLettered as DeliveryDeadLettered
from bus.delivered import DeliveryDeduplicated as DeliveryDeduplicated
from bus.delivered import DeliveryFailed as DeliveryFailed
from bus.delivered import DeliveryRedelivered as DeliveryRedelivered
from bus.disturbed import AgentRefused as AgentRefused
from bus.disturbed import FaultInjected as FaultInjected
from bus.disturbed import FaultsCounted as FaultsCounted
from bus.disturbed import FaultsHealed as FaultsHealed
from bus.disturbed import PublicationRefused as PublicationRefused
from bus.disturbed import RuleCount as RuleCount
from bus.learned import FeedbackGiven as FeedbackGiven
from bus.learned import MemoryReindexed as MemoryReindexed
from bus.learned import PatternForgotten as PatternForgotten
from bus.learned import PatternImported as PatternImported
from bus.learned import PatternLearned as PatternLearned
from bus.learned import ReviewRequested as ReviewRequested
from bus.observed import HostDescribed as HostDescribed
from bus.observed import LogRecovered as LogRecovered
from bus.observed import PeerRefused as PeerRefused
from bus.observed import PhaseTimed as PhaseTimed
from bus.observed import ProcessExited as ProcessExited
from bus.observed import ProcessSampled as ProcessSampled
from bus.observed import ProcessStarted as ProcessStarted
from bus.observed import RunResumed as RunResumed
from bus.observed import StateRebuilt as StateRebuilt
from bus.observed import TransportCounted as TransportCounted

# -- the run --


class RunStarted(Body, frozen=True, gc=False):
    """First event of a log: what decides all that follows. No path, host, transport or software version."""

    TYPE: ClassVar[str] = "run.started"
    format_version: Count
    """Version of the log format; see docs/log-format.md."""
    scenario: Name
    seed: Count
    start_ns: Count
    duration_ns: Count
    budget_nanousd: Count
    event_interval_ns: Count
    snapshot_interval_ns: Count
    metrics_interval_ns: Count
    heartbeat_interval_ns: Count
    scenario_sha256: Name
    """Of the resolved scenario, options and events file included."""
    schema_version: Count = 1
    """Version of the bodies; see bus/upcasters.py."""


class RunFinished(Body, frozen=True, gc=False):
    """Last event of a log."""

    TYPE: ClassVar[str] = "run.finished"
    status: Literal["completed", "interrupted", "failed"]
    reason: Text = ""


class AgentStarted(Body, frozen=True, gc=False, omit_defaults=True):
    TYPE: ClassVar[str] = "agent.started"
    agent: Name
    queues: list[Name]
    """What it consumes."""
    restart_count: Count = 0
    """0 at the start of the run, and one more each time that it comes back."""


class AgentHeartbeat(Body, frozen=True, gc=False):
    """The state of an agent as the bus knows it at that moment."""

    TYPE: ClassVar[str] = "agent.heartbeat"
    agent: Name
    handled_count: Count
    """Deliveries acknowledged since the start."""
    busy_ns: Count
    """Service time of those deliveries."""
    pending_count: Count
    """Deliveries on its queues that are not acknowledged."""


class AgentCrashed(Body, frozen=True, gc=False):
    TYPE: ClassVar[str] = "agent.crashed"
    agent: Name
    reason: Text


class AgentStopped(Body, frozen=True, gc=False):
    """What an agent knew at the end; the same figures must come out of a fold over the log."""

    TYPE: ClassVar[str] = "agent.stopped"
    agent: Name
    handled_count: Count
    state_sha256: Name
    pattern_count: Count = 0
    """Patterns in its memory; 0 for agents that keep none."""


class QueueDepth(Struct, frozen=True, gc=False):
    queue: Name
    depth: Count
    """Deliveries published to the queue and not yet acknowledged or dead-lettered."""
    depth_max: Count
    """The greatest depth since the sample before."""


class MetricsSampled(Body, frozen=True, gc=False):
    """Every metrics interval.

    What a machine measures (memory, CPU, disk) is in observations/, at the same ``time_ns``.
    """

    TYPE: ClassVar[str] = "metrics.sampled"
    queue_depths: list[QueueDepth]


class LimitReached(Body, frozen=True, gc=False):
    """A named bound was met; ``subject`` is the queue, agent or record that met it."""

    TYPE: ClassVar[str] = "limit.reached"
    limit: Name
    subject: Name
    limit_value: Count


# -- telemetry and truth --


class TelemetryReceived(Body, frozen=True, gc=False, omit_defaults=True):
    """One record of what a software team's tools report. Only ``message`` is always there."""

    TYPE: ClassVar[str] = "telemetry.received"
    message: Text
    severity: Name | None = None
    component: Name | None = None
    file: Text | None = None
    line: Count | None = None
    error_type: Name | None = None
    rule: Name | None = None
    test_name: Text | None = None
    attributes: dict[str, Text] = field(default_factory=dict)
    """Every other key of the record, its value as text (JSON for anything that is not a string)."""


class TruthLabelled(Body, frozen=True, gc=False, omit_defaults=True):
    """What the telemetry that caused this event really is. On no queue, so no agent can receive it."""

    TYPE: ClassVar[str] = "truth.labelled"
    label: Label


# -- WITNESS --


class PatternDetected(Body, frozen=True, gc=False):
    """WITNESS recognised a pattern in the telemetry that caused this event; on ``improvement_queue``."""

    TYPE: ClassVar[str] = "pattern.detected"
    kind: PatternKind
    confidence: Share
    threshold: Share
    """What the confidence had to exceed."""
    message: Text
    severity: Name | None
    similarity: Share
    """Cosine similarity of the nearest known pattern of that kind, 0 if there is none."""
    nearest_pattern: Name | None
    """``pattern_id`` of that pattern."""
    evidence: list[Name]
    """What spoke for the kind, for people: words and fields of the telemetry, strongest first."""


class TelemetryDismissed(Body, frozen=True, gc=False):
    """WITNESS found nothing to act on in the telemetry that caused this event; on no queue."""

    TYPE: ClassVar[str] = "telemetry.dismissed"
    kind: Label
    """The likeliest kind, or ``none``."""
    confidence: Share
    """In that kind; for ``none`` in there being no pattern."""
    threshold: Share
    """What the confidence would have had to exceed; 0 for ``none``."""


# -- ARCHITECT, EXECUTOR and models --


class ModelCalled(Body, frozen=True, gc=False, omit_defaults=True):
    """One call of a model by ``source``.

    Attribute names follow the OpenTelemetry GenAI conventions where they have one.
    """

    TYPE: ClassVar[str] = "model.called"
    call_number: Count
    """From 1 within one handling."""
    operation_name: Name
    """What for: ``plan``, ``delegate`` or ``verify``."""
    provider_name: Name
    request_model: Name
    tier: Literal["local", "cloud"]
    status: Literal["ok", "error", "timeout"]
    input_tokens: Count
    output_tokens: Count
    latency_ns: Count
    reserved_nanousd: Count
    """The most that the call could have cost; taken from the budget before it."""
    cost_nanousd: Count
    """What it did cost; settled after it."""
    prompt_sha256: Name
    answer: Text
    error_type: Name | None = None
    """What went wrong, where the status does not say it all: ``rate_limited``, ``refusal``, ..."""


class TaskCreated(Body, frozen=True, gc=False):
    """ARCHITECT's plan for a pattern; on ``execution_queue``."""

    TYPE: ClassVar[str] = "task.created"
    kind: PatternKind
    title: Text
    priority: Literal["critical", "high", "normal"]
    delegate: Name
    """The sub-agent that is to do it."""
    planned_by: Name
    """The model that planned it."""
    tier: Literal["local", "cloud"]
    plan: Text
    message: Text
    confidence: Share


class TaskCompleted(Body, frozen=True, gc=False):
    TYPE: ClassVar[str] = "task.completed"
    kind: PatternKind
    delegate: Name
    summary: Text


class TaskFailed(Body, frozen=True, gc=False):
    TYPE: ClassVar[str] = "task.failed"
    kind: PatternKind
    delegate: Name
    reason: Text


class BudgetThresholdCrossed(Body, frozen=True, gc=False):
    """The money spent passed 50, 75, 90 or 100 % of the budget."""

    TYPE: ClassVar[str] = "budget.threshold_crossed"
    percent: Count
    spent_nanousd: Count
    budget_nanousd: Count


BODIES: tuple[type[Body], ...] = (
    RunStarted,
    RunFinished,
    AgentStarted,
    AgentHeartbeat,
    AgentCrashed,
    AgentStopped,
    MetricsSampled,
    LimitReached,
    TelemetryReceived,
    TruthLabelled,
    DeliveryAcknowledged,
    DeliveryFailed,
    DeliveryDeadLettered,
    PatternDetected,
    TelemetryDismissed,
    PatternLearned,
    PatternImported,
    PatternForgotten,
    MemoryReindexed,
    ReviewRequested,
    ModelCalled,
    TaskCreated,
    TaskCompleted,
    TaskFailed,
    FeedbackGiven,
    BudgetThresholdCrossed,
    FaultInjected,
    FaultsHealed,
    FaultsCounted,
    DeliveryRedelivered,
    DeliveryDeduplicated,
    AgentRefused,
    PublicationRefused,
    HostDescribed,
    ProcessStarted,
    ProcessSampled,
    ProcessExited,
    TransportCounted,
    StateRebuilt,
    PhaseTimed,
    RunResumed,
    LogRecovered,
    PeerRefused,
)
BODY_OF_TYPE: dict[str, type[Body]] = {body.TYPE: body for body in BODIES}
