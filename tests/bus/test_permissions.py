"""Permissions: exactly the table may be published, and nothing else."""

import itertools

import pytest

from bus.bodies import BODIES, BODY_OF_TYPE
from bus.errors import RefusedError
from bus.permissions import EVENTS, OBSERVATIONS, Permissions, Publication
from simulator.roles import ROLES

QUEUES = ("telemetry_stream", "improvement_queue", "execution_queue", "feedback_queue")
SOURCES = ("workload", "witness", "architect", "executor", "reviewer", "sequencer")
RECEIPTS = ("acknowledged", "dead_lettered", "deduplicated", "failed")

# Written out a second time, by hand: a slip in the product's table is not repeated here.
AGENT_FACTS = {"agent.started", "agent.stopped", "fault.injected", "limit.reached", "publication.refused"} | {
    f"delivery.{receipt}" for receipt in RECEIPTS
}
ON_A_QUEUE = {
    ("workload", "telemetry.received", "telemetry_stream"),
    ("witness", "pattern.detected", "improvement_queue"),
    ("architect", "task.created", "execution_queue"),
    ("executor", "feedback.given", "feedback_queue"),
    ("reviewer", "feedback.given", "feedback_queue"),
}
BARE = {
    "workload": {"truth.labelled"},
    "witness": AGENT_FACTS
    | {"telemetry.dismissed", "review.requested", "pattern.learned", "pattern.forgotten", "memory.reindexed"},
    "architect": AGENT_FACTS | {"model.called"},
    "executor": AGENT_FACTS | {"model.called", "task.completed", "task.failed"},
    "sequencer": {"run.started", "run.finished", "metrics.sampled", "limit.reached"}
    | {"agent.crashed", "agent.refused", "agent.heartbeat", "budget.threshold_crossed"}
    | {"delivery.dead_lettered", "delivery.redelivered"}
    | {"fault.injected", "faults.healed", "faults.counted", "pattern.imported"},
}


def is_allowed(permissions: Permissions, source: str, type_name: str, queue: str | None) -> bool:
    try:
        permissions.check(source, type_name, queue)
    except RefusedError:
        return False
    return True


def test_of_all_sources_types_and_queues_exactly_the_table_passes() -> None:
    permissions = Permissions()
    expected = ON_A_QUEUE | {(source, name, None) for source, names in BARE.items() for name in names}
    asked = list(
        itertools.product((*SOURCES, "mallory", ""), BODY_OF_TYPE, (*QUEUES, None, "", "no_such_queue"))
    )
    assert len(asked) == 8 * len(BODIES) * 7
    assert {triple for triple in asked if is_allowed(permissions, *triple)} == expected


def test_observations_are_the_sequencers_alone_and_go_to_no_queue() -> None:
    permissions = Permissions(OBSERVATIONS)
    passed = {
        t for t in itertools.product(SOURCES, BODY_OF_TYPE, (*QUEUES, None)) if is_allowed(permissions, *t)
    }
    assert {(source, queue) for source, _, queue in passed} == {("sequencer", None)}


def test_every_type_may_be_published_in_exactly_one_of_the_two_logs() -> None:
    in_events = {p.type_name for publications in EVENTS.values() for p in publications}
    in_observations = {p.type_name for publications in OBSERVATIONS.values() for p in publications}
    assert in_events | in_observations == set(BODY_OF_TYPE)
    assert not in_events & in_observations


@pytest.mark.parametrize("agent", ROLES)
def test_an_agent_may_publish_to_exactly_the_queues_that_it_declares(agent: str) -> None:
    assert {p.queue for p in EVENTS[agent] if p.queue} == set(ROLES[agent].publishes)


def test_a_refusal_names_source_type_and_queue_and_says_who_may() -> None:
    permissions = Permissions()
    with pytest.raises(
        RefusedError, match=r"executor may not publish pattern\.detected on improvement_queue"
    ):
        permissions.check("executor", "pattern.detected", "improvement_queue")
    with pytest.raises(RefusedError, match="witness may; see the table"):
        permissions.check("executor", "pattern.detected", "improvement_queue")
    with pytest.raises(RefusedError, match=r"on no queue; it may on improvement_queue; see"):
        permissions.check("witness", "pattern.detected", None)
    with pytest.raises(RefusedError, match="nobody may"):
        permissions.check("witness", "no.such", None)


def test_a_table_of_ones_own_replaces_the_products() -> None:
    permissions = Permissions({"probe": {Publication("run.started")}})
    permissions.check("probe", "run.started", None)
    with pytest.raises(RefusedError):
        permissions.check("sequencer", "run.started", None)
