"""When each agent is not there, and when it is back: planned before the run. Must not start or end one."""

from collections.abc import Iterable, Iterator

from simulator.faults.kinds import OUTAGE_KINDS
from simulator.faults.outage import Outage
from simulator.faults.rules import ActiveRule
from simulator.scenario import SupervisionSettings


def planned_outages(
    rules: Iterable[ActiveRule], supervision: SupervisionSettings, heal_ns: int
) -> list[Outage]:
    """All outages of a run in the order of ``frozen_ns``; those of one agent do not overlap.

    An outage that begins while its agent is not yet back is skipped, and so is one after which the agent
    could not be back before the run heals, unless its supervisor gives up before: then it is back when the
    run heals. Of two that begin together, the rule that stands first in the scenario has its way.
    """
    candidates = [
        outage
        for rule in rules
        if rule.kind in OUTAGE_KINDS and rule.agent is not None
        for frozen_ns in rule.moments_ns
        if (outage := _outage(rule, rule.agent, frozen_ns, supervision, heal_ns)) is not None
    ]
    candidates.sort(key=lambda outage: outage.frozen_ns)
    up_ns: dict[str, int] = {}
    planned: list[Outage] = []
    for outage in candidates:
        if outage.frozen_ns > up_ns.get(outage.agent, -1):
            planned.append(outage)
            up_ns[outage.agent] = outage.up_ns
    return planned


def _outage(
    rule: ActiveRule, agent: str, frozen_ns: int, supervision: SupervisionSettings, heal_ns: int
) -> Outage | None:
    down_ns = frozen_ns + (supervision.silence_max if rule.kind == "hang" else 0)
    restarts_ns = list(_restarts_ns(down_ns, supervision))
    failing_count = {"amnesia": 1, "crash_loop": rule.count}.get(rule.kind, 0)
    failed_ns = tuple(restarts_ns[:failing_count])
    gave_up = failing_count >= supervision.restarts_max
    up_ns = heal_ns if gave_up else restarts_ns[failing_count]
    is_over = (failed_ns[-1] if gave_up else up_ns - 1) < heal_ns
    if not is_over:
        return None
    return Outage(rule.name, rule.kind, agent, frozen_ns, down_ns, failed_ns, up_ns, gave_up)


def _restarts_ns(down_ns: int, supervision: SupervisionSettings) -> Iterator[int]:
    """The moments at which the supervisor starts the agent again, up to its limit."""
    backoff_ns: int = supervision.restart_backoff
    time_ns = down_ns
    for _ in range(supervision.restarts_max):
        time_ns += backoff_ns
        yield time_ns
        backoff_ns = min(backoff_ns * 2, supervision.restart_backoff_max)
