"""Bodies of observations: what is not repeatable. Must not appear in a log that a digest covers."""

from typing import ClassVar

from bus.body import Body, Count, Name, Text


class HostDescribed(Body, frozen=True, gc=False):
    TYPE: ClassVar[str] = "host.described"
    transport: Name
    versions: dict[str, str]
    cpu_count: Count


class ProcessStarted(Body, frozen=True, gc=False):
    TYPE: ClassVar[str] = "process.started"
    agent: Name
    """``sequencer`` for the process that holds the log."""
    pid: Count


class ProcessSampled(Body, frozen=True, gc=False):
    """``time_ns`` of the event is the bus time of the sample, so that it can be set beside the log."""

    TYPE: ClassVar[str] = "process.sampled"
    agent: Name
    pid: Count
    rss_bytes: Count
    cpu_ns: Count
    """User and system time of the process so far."""
    read_bytes: Count
    write_bytes: Count
    wall_ns: Count
    """Wall clock at the sample."""


class ProcessExited(Body, frozen=True, gc=False):
    TYPE: ClassVar[str] = "process.exited"
    agent: Name
    pid: Count
    exit_code: int


class TransportCounted(Body, frozen=True, gc=False):
    """What one agent's end of the transport counted."""

    TYPE: ClassVar[str] = "transport.counted"
    agent: Name
    pid: Count
    delivery_count: Count
    frame_count: Count
    received_bytes: Count
    sent_bytes: Count


class StateRebuilt(Body, frozen=True, gc=False):
    """A fresh agent was folded from the log alone; compare with its ``agent.stopped``."""

    TYPE: ClassVar[str] = "state.rebuilt"
    agent: Name
    state_sha256: Name
    pattern_count: Count


class PhaseTimed(Body, frozen=True, gc=False):
    TYPE: ClassVar[str] = "phase.timed"
    phase: Name
    elapsed_ns: Count
    """Of wall time."""


class RunResumed(Body, frozen=True, gc=False):
    """The run was taken up again from its log: what the engine and the agents knew when it went on."""

    TYPE: ClassVar[str] = "run.resumed"
    after_seq: Count
    """The last event that was on the log."""
    pending_counts: dict[str, Count]
    """By queue: deliveries that are not settled."""
    spent_nanousd: Count
    states: dict[str, Name]
    """By agent: ``state_sha256`` as in ``agent.stopped``, said by the agent that was started again."""


class LogRecovered(Body, frozen=True, gc=False):
    """Bytes were cut off the log before the run went on; they are kept beside it."""

    TYPE: ClassVar[str] = "log.recovered"
    cut_bytes: Count
    reason: Text


class PeerRefused(Body, frozen=True, gc=False):
    """Somebody sent frames who is not the process that is the agent."""

    TYPE: ClassVar[str] = "peer.refused"
    agent: Name
    """Whom it wanted to be."""
    uid: int
    """-1 where the transport does not say it."""
    pid: int
    reason: Text
