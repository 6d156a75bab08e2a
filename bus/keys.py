"""The keys of deliveries, derived from the log alone. Must not know an engine.

A key is the causal path of an event: ``workload-17.0`` is the first event of the seventeenth commit of the
workload, ``workload-17.0.1`` the second event of the commit that handling it led to, and so on. It names the
random streams of a delivery, so whoever handles an event again must know it.
"""

from collections import deque

from bus.bodies import DeliveryAcknowledged, DeliveryDeadLettered, DeliveryDeduplicated, DeliveryFailed
from bus.events import Event

_RECEIPTS = (DeliveryAcknowledged, DeliveryFailed, DeliveryDeadLettered, DeliveryDeduplicated)
_SETTLING = (DeliveryAcknowledged, DeliveryDeadLettered)
WORKLOAD = "workload"
REVIEWER = "reviewer"
SEQUENCER = "sequencer"
SETTLED_KEPT_MAX = 8_192
"""Settled events whose keys are kept: twice as many as agents remember."""


def answer_path(path: str) -> str:
    """The causal path of what the reviewer says to a commit of an agent."""
    return f"{path}+"


class Keys:
    """A fold: apply every event of a log, in order.

    Kept are events on a queue, while they are pending and, since copies of them may come, some time longer.
    """

    def __init__(self) -> None:
        self._keys: dict[int, str] = {}
        self._workload_count = 0
        self._path = ""
        self._handled_path = ""
        """Of the last handling; what the reviewer says comes right after what it is about."""
        self._first_seq = 1
        self._commit_seq = 0
        self._settled: deque[int] = deque()

    @property
    def workload_count(self) -> int:
        """Commits of the workload so far."""
        return self._workload_count

    def key(self, seq: int) -> str:
        """The key of an event on a queue that is pending or was settled lately; KeyError for any other."""
        return self._keys[seq]

    def apply(self, event: Event) -> None:
        if event.seq > self._commit_seq:
            self._begin(event)
        if event.queue is not None:
            self._keys[event.seq] = f"{self._path}.{event.seq - self._first_seq}"

    def _begin(self, event: Event) -> None:
        """The first event of a commit says what the others are the effects of."""
        if isinstance(event.data, _SETTLING) and event.causation_seq is not None:
            self._settled.append(event.causation_seq)
        if len(self._settled) > SETTLED_KEPT_MAX:
            self._keys.pop(self._settled.popleft(), None)
        self._first_seq, self._commit_seq = event.seq, event.commit_seq
        if event.source == WORKLOAD and event.causation_seq is None:
            self._workload_count += 1
            self._path = f"{WORKLOAD}-{self._workload_count}"
        elif event.source == REVIEWER:
            self._path = answer_path(self._handled_path)
        elif isinstance(event.data, _RECEIPTS) and event.causation_seq is not None:
            self._path = self._keys.get(event.causation_seq, "")
            if event.source != SEQUENCER:
                self._handled_path = self._path
        else:
            self._path = ""
