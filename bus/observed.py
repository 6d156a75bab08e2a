"""Bodies of observations: what is not repeatable. Must not appear in a log that a digest covers."""

from typing import ClassVar

from bus.body import Body, Count, Name


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
