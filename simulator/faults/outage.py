"""A time in which an agent is not there: planned from the rules before the run. Must not act."""

from msgspec import Struct


class Outage(Struct, frozen=True):
    """What is handled and not on the log at ``frozen_ns`` is lost and handled again after ``up_ns``."""

    rule: str
    kind: str
    """``crash``, ``hang``, ``amnesia`` or ``crash_loop``."""
    agent: str
    frozen_ns: int
    """The agent does nothing more from here."""
    down_ns: int
    """The supervisor ends its process; the same moment but for a hang, which is noticed later."""
    failed_restarts_ns: tuple[int, ...]
    """Restarts that do not last: the process ends at once, or (``amnesia``) knows nothing and is refused."""
    up_ns: int
    """It is back and knows what it knew. Less than the ``frozen_ns`` of its next outage."""
    gave_up: bool = False
    """The supervisor reached its limit of restarts; it is back only since the run heals."""
