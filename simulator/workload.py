"""What the world does to the agents: incidents and noise over bus time, with the truth beside them.

Must not know any agent.
"""

from collections.abc import Iterator
from heapq import merge

from bus.bodies import Label, PatternKind, TelemetryReceived, TruthLabelled
from bus.events import Draft
from simulator.clock import NS_PER_S
from simulator.engine import Item
from simulator.streams import Streams
from simulator.wording import Manner, Wording

ROTATION: tuple[PatternKind, ...] = (
    "critical_error",
    "constitution_violation",
    "feature_request",
    "duplication",
    "flaky_test",
)
"""The order in which incidents of the five kinds come."""
TELEMETRY_QUEUE = "telemetry_stream"


def telemetry_item(time_ns: int, telemetry: TelemetryReceived, label: Label | None) -> Item:
    """A record for WITNESS, and what it really is (on no queue), in one commit."""
    drafts = [Draft(telemetry, TELEMETRY_QUEUE)]
    if label is not None:
        drafts.append(Draft(TruthLabelled(label)))
    return Item(time_ns, drafts)


def generated(
    streams: Streams,
    start_ns: int,
    duration_ns: int,
    incident_interval_ns: int,
    noise_per_hour: float,
    manner: Manner,
) -> Iterator[Item]:
    """Incidents in rotation at a fixed interval and noise with exponential gaps, in order of time."""
    end_ns = start_ns + duration_ns
    incidents = _incidents(streams, manner, start_ns, end_ns, incident_interval_ns)
    noise = _noise(streams, manner, start_ns, end_ns, noise_per_hour)
    return merge(incidents, noise, key=lambda item: item.time_ns)


def _incidents(
    streams: Streams, manner: Manner, start_ns: int, end_ns: int, interval_ns: int
) -> Iterator[Item]:
    wording = Wording(streams.stream("workload", "incidents"), manner)
    for n, time_ns in enumerate(range(start_ns, end_ns, interval_ns)):
        kind = ROTATION[n % len(ROTATION)]
        yield telemetry_item(time_ns, wording.incident(kind), kind)


def _noise(streams: Streams, manner: Manner, start_ns: int, end_ns: int, per_hour: float) -> Iterator[Item]:
    if per_hour <= 0:
        return
    wording = Wording(streams.stream("workload", "noise"), manner)
    gaps = streams.stream("workload", "noise-gaps")
    per_ns = per_hour / (3_600 * NS_PER_S)
    time_ns = start_ns + int(gaps.expovariate(per_ns))
    while time_ns < end_ns:
        yield telemetry_item(time_ns, wording.noise(), "none")
        time_ns += 1 + int(gaps.expovariate(per_ns))
