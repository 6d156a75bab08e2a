"""How fast an agent works and what its clock shows: a port, so that faults can slow and skew it.

Must not draw random numbers itself.
"""

from typing import NamedTuple, Protocol

from bus.bodies import FaultInjected


class Paced(NamedTuple):
    value_ns: int
    faults: tuple[FaultInjected, ...] = ()
    """What made it another value than it would have been; goes on the log with the handling."""


class Pace(Protocol):
    """Asked once for each attempt, with its key, so that the answer depends on nothing else."""

    def clock(self, key: str, started_ns: int) -> Paced:
        """What the agent's clock shows when an attempt starts at ``started_ns`` of bus time."""

    def service(self, key: str, queue: str | None, started_ns: int, service_ns: int) -> Paced:
        """How long an attempt takes that would take ``service_ns``; never less."""


class SteadyPace:
    """No faults: the bus's clock, and no slower than the work demands."""

    def clock(self, key: str, started_ns: int) -> Paced:
        return Paced(started_ns)

    def service(self, key: str, queue: str | None, started_ns: int, service_ns: int) -> Paced:
        return Paced(service_ns)
