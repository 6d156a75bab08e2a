"""Who may publish what, and on which queue. Must not publish anything.

=============  ==============================================================  =====================
source         events                                                          queue
=============  ==============================================================  =====================
``workload``   ``telemetry.received``                                          ``telemetry_stream``
``workload``   ``truth.labelled``                                              none
``witness``    ``pattern.detected``                                            ``improvement_queue``
``witness``    ``telemetry.dismissed``, ``review.requested``,                  none
               ``pattern.learned``, ``pattern.forgotten``,
               ``memory.reindexed``
``architect``  ``task.created``                                                ``execution_queue``
``architect``  ``model.called``                                                none
``executor``   ``feedback.given``                                              ``feedback_queue``
``executor``   ``task.completed``, ``task.failed``, ``model.called``           none
``reviewer``   ``feedback.given``                                              ``feedback_queue``
every agent    its receipts (``delivery.*`` but for ``redelivered``),          none
               ``agent.started``, ``agent.stopped``, ``limit.reached``,
               ``fault.injected``, ``publication.refused``
``sequencer``  the run, its agents and their deliveries, limits, faults,       none
               ``pattern.imported``; everything in ``observations/``
=============  ==============================================================  =====================

Everything else is refused. The tables below say the same, event by event.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bus.errors import RefusedError


class Publication(NamedTuple):
    """A type of event on a queue, or on none."""

    type_name: str
    queue: str | None = None


def _bare(*type_names: str) -> frozenset[Publication]:
    """Facts that are routed to nobody."""
    return frozenset(Publication(type_name) for type_name in type_names)


_EVERY_AGENT = _bare(
    "agent.started",
    "agent.stopped",
    "delivery.acknowledged",
    "delivery.dead_lettered",
    "delivery.deduplicated",
    "delivery.failed",
    "fault.injected",
    "limit.reached",
    "publication.refused",
)

EVENTS: Mapping[str, frozenset[Publication]] = {
    "workload": _bare("truth.labelled") | {Publication("telemetry.received", "telemetry_stream")},
    "witness": _EVERY_AGENT
    | _bare(
        "memory.reindexed", "pattern.forgotten", "pattern.learned", "review.requested", "telemetry.dismissed"
    )
    | {Publication("pattern.detected", "improvement_queue")},
    "architect": _EVERY_AGENT | _bare("model.called") | {Publication("task.created", "execution_queue")},
    "executor": _EVERY_AGENT
    | _bare("model.called", "task.completed", "task.failed")
    | {Publication("feedback.given", "feedback_queue")},
    "reviewer": frozenset({Publication("feedback.given", "feedback_queue")}),
    "sequencer": _bare(
        "agent.crashed",
        "agent.heartbeat",
        "agent.refused",
        "budget.threshold_crossed",
        "delivery.dead_lettered",
        "delivery.redelivered",
        "fault.injected",
        "faults.counted",
        "faults.healed",
        "limit.reached",
        "metrics.sampled",
        "pattern.imported",
        "run.finished",
        "run.started",
    ),
}
"""For the log of events."""

OBSERVATIONS: Mapping[str, frozenset[Publication]] = {
    "sequencer": _bare(
        "host.described",
        "log.recovered",
        "peer.refused",
        "phase.timed",
        "process.exited",
        "process.sampled",
        "process.started",
        "run.resumed",
        "state.rebuilt",
        "transport.counted",
    ),
}
"""For the log of observations."""


class Permissions:
    """A table, asked for every event before it is committed: one look-up."""

    def __init__(self, table: Mapping[str, Iterable[Publication]] = EVENTS) -> None:
        self._allowed: frozenset[tuple[str, str, str | None]] = frozenset(
            (source, *publication) for source, publications in table.items() for publication in publications
        )

    def check(self, source: str, type_name: str, queue: str | None) -> None:
        """Raises RefusedError when the table does not have it."""
        if (source, type_name, queue) not in self._allowed:
            raise self._refused(source, type_name, queue)

    def _refused(self, source: str, type_name: str, queue: str | None) -> RefusedError:
        queues = [q or "no queue" for s, t, q in self._allowed if (s, t) == (source, type_name)]
        if queues:
            advice = f"it may on {' or '.join(sorted(queues))}"
        else:
            sources = sorted({s for s, t, _ in self._allowed if t == type_name})
            advice = f"{' and '.join(sources) or 'nobody'} may"
        where = f"on {queue}" if queue else "on no queue"
        return RefusedError(
            f"{source} may not publish {type_name} {where}; {advice}; see the table in bus/permissions.py"
        )
