"""Further sabotages: money, deliveries, queues, faults, agents and their words. Must not judge."""

import msgspec

from bus import bodies
from bus.bodies import QueueDepth
from tests.analysis.synthetic import CLOUD_NANOUSD, S, Synthetic
from tests.torture.sabotage_tools import (
    INSERTED_SEQ,
    Sabotages,
    body_of,
    commit_of,
    counts_less,
    insert,
    nth,
    outage_of,
    recount,
    repeat,
)

SABOTAGES = Sabotages()
breaks = SABOTAGES.breaks

# -- money --


@breaks("costs_equal_ledger")
def change_a_cost(log: Synthetic) -> None:
    log.change(nth(log, bodies.ModelCalled, 2, tier="cloud"), cost_nanousd=CLOUD_NANOUSD - 1)


@breaks("costs_equal_ledger")
def change_the_ledger(log: Synthetic) -> None:
    log.change(nth(log, bodies.BudgetThresholdCrossed), spent_nanousd=4 * CLOUD_NANOUSD + 1)


@breaks("costs_equal_ledger")
def pass_a_threshold_in_silence(log: Synthetic) -> None:
    log.drop(nth(log, bodies.BudgetThresholdCrossed))


@breaks("costs_equal_ledger")
def reserve_more_than_is_left(log: Synthetic) -> None:
    log.change(nth(log, bodies.ModelCalled, 3, tier="cloud"), reserved_nanousd=3 * CLOUD_NANOUSD)


@breaks("costs_equal_ledger")
def cost_more_than_was_reserved(log: Synthetic) -> None:
    log.change(nth(log, bodies.ModelCalled, 1, tier="cloud"), reserved_nanousd=CLOUD_NANOUSD - 1)


@breaks("costs_equal_ledger")
def overrun_the_budget(log: Synthetic) -> None:
    budget_nanousd = 3 * CLOUD_NANOUSD
    log.change(nth(log, bodies.RunStarted), budget_nanousd=budget_nanousd)


@breaks("costs_equal_ledger")
def tell_a_threshold_twice(log: Synthetic) -> None:
    repeat(log, nth(log, bodies.BudgetThresholdCrossed))


# -- deliveries --


@breaks("attempts_in_order")
def skip_an_attempt(log: Synthetic) -> None:
    log.change(nth(log, bodies.DeliveryAcknowledged, 3), attempt=2)


@breaks("attempts_in_order")
def swap_attempts(log: Synthetic) -> None:
    failed = log.of(bodies.DeliveryFailed)[1:3]
    for event, attempt in zip(failed, (2, 1), strict=True):
        log.change(event, attempt=attempt)


@breaks("attempts_in_order")
def give_up_early(log: Synthetic) -> None:
    second = nth(log, bodies.DeliveryFailed, 2)
    log.drop(*commit_of(log, second))
    log.change(nth(log, bodies.DeliveryDeadLettered, cause="attempts_max"), attempt=2)
    log.change(nth(log, bodies.FaultsCounted), rules=counts_less(log, "limited"))


@breaks("receipts_match")
def acknowledge_on_another_queue(log: Synthetic) -> None:
    log.change(nth(log, bodies.DeliveryAcknowledged, queue="execution_queue"), queue="feedback_queue")


@breaks("receipts_match")
def acknowledge_for_another(log: Synthetic) -> None:
    for event in commit_of(log, nth(log, bodies.DeliveryAcknowledged, 4, queue="telemetry_stream")):
        log.move(event, source="architect")


@breaks("receipts_match")
def start_before_it_arrives(log: Synthetic) -> None:
    receipt = nth(log, bodies.DeliveryAcknowledged, 2, queue="improvement_queue")
    arrived_ns = body_of(receipt, bodies.DeliveryAcknowledged).arrived_ns
    log.change(receipt, arrived_ns=arrived_ns + S)


@breaks("receipts_match")
def commit_before_it_is_finished(log: Synthetic) -> None:
    receipt = nth(log, bodies.DeliveryAcknowledged, 2, queue="improvement_queue")
    log.change(receipt, finished_ns=body_of(receipt, bodies.DeliveryAcknowledged).finished_ns + S)
    recount(log)


@breaks("one_at_a_time")
def work_on_two_at_once(log: Synthetic) -> None:
    """The second of two attempts of one agent begins while the first is under way."""
    first, second = nth(log, bodies.DeliveryFailed, 1), nth(log, bodies.DeliveryFailed, 2)
    log.change(second, started_ns=body_of(first, bodies.DeliveryFailed).finished_ns - 1)


@breaks("redelivery_bounded")
def redeliver_once_too_often(log: Synthetic) -> None:
    last = nth(log, bodies.DeliveryRedelivered, redelivery=2)
    body = msgspec.structs.replace(body_of(last, bodies.DeliveryRedelivered), redelivery=3)
    cause = {"causation_seq": last.causation_seq, "correlation_seq": last.correlation_seq}
    insert(log, last, body, **cause)


@breaks("redelivery_bounded")
def redeliver_what_was_handled(log: Synthetic) -> None:
    sent = nth(log, bodies.DeliveryRedelivered)
    log.drop(sent)
    handled = next(e for e in log.of(bodies.DeliveryAcknowledged) if e.causation_seq == sent.causation_seq)
    repeat(log, msgspec.structs.replace(sent, time_ns=handled.time_ns), handled)


@breaks("redelivery_bounded")
def redeliver_without_a_reason(log: Synthetic) -> None:
    task = nth(log, bodies.TaskCreated)
    body = bodies.DeliveryRedelivered("execution_queue", 1, "nothing acknowledged it")
    insert(log, task, body, causation_seq=task.seq, correlation_seq=task.correlation_seq)


@breaks("redelivery_bounded")
def give_up_before_the_bound(log: Synthetic) -> None:
    log.drop(nth(log, bodies.DeliveryRedelivered, redelivery=2))


# -- queues and words --


@breaks("queue_bounds")
def misreport_a_depth(log: Synthetic) -> None:
    sample = nth(log, bodies.MetricsSampled, 7)
    depths = body_of(sample, bodies.MetricsSampled).queue_depths
    log.change(sample, queue_depths=[QueueDepth(d.queue, d.depth + 1, d.depth_max + 1) for d in depths])


@breaks("queue_bounds")
def overfill_a_queue(log: Synthetic) -> None:
    """What was refused is handled after all, behind the one that filled the queue."""
    refused = nth(log, bodies.DeliveryDeadLettered, cause="queue_full")
    receipt, decision = commit_of(
        log, next(e for e in log.of(bodies.DeliveryAcknowledged) if e.seq > refused.seq)
    )
    place = log.events.index(decision) + 1
    at_ns = receipt.time_ns
    later = msgspec.structs.replace(
        body_of(receipt, bodies.DeliveryAcknowledged), started_ns=at_ns, finished_ns=at_ns + S
    )
    common = {
        "time_ns": at_ns + S,
        "commit_seq": INSERTED_SEQ,
        "causation_seq": refused.causation_seq,
        "correlation_seq": refused.correlation_seq,
    }
    log.events[place:place] = [
        msgspec.structs.replace(receipt, seq=INSERTED_SEQ - 1, data=later, **common),
        msgspec.structs.replace(decision, seq=INSERTED_SEQ, **common),
    ]
    log.drop(*commit_of(log, refused))
    recount(log)


@breaks("queue_bounds")
def contradict_a_bound(log: Synthetic) -> None:
    log.change(nth(log, bodies.LimitReached, limit="queue_depth_max"), limit_value=2)


@breaks("queue_bounds")
def refuse_without_need(log: Synthetic) -> None:
    """The one that filled the queue was never there."""
    refused = nth(log, bodies.DeliveryDeadLettered, cause="queue_full")
    full = [e for e in log.of(bodies.TelemetryReceived) if e.seq < (refused.causation_seq or 0)][-1]
    gone = [e for e in log.events if e.correlation_seq == full.seq]
    log.drop(*gone)
    recount(log)


@breaks("heartbeats_truthful")
def beat_with_a_wrong_count(log: Synthetic) -> None:
    beat = nth(log, bodies.AgentHeartbeat, 30)
    log.change(beat, handled_count=body_of(beat, bodies.AgentHeartbeat).handled_count + 1)


@breaks("heartbeats_truthful")
def beat_with_a_wrong_time(log: Synthetic) -> None:
    log.change(nth(log, bodies.AgentHeartbeat, 30), busy_ns=1)


@breaks("heartbeats_truthful")
def beat_with_a_wrong_backlog(log: Synthetic) -> None:
    log.change(nth(log, bodies.AgentHeartbeat, 30), pending_count=3)


@breaks("heartbeats_truthful")
def stop_with_a_wrong_count(log: Synthetic) -> None:
    log.change(nth(log, bodies.AgentStopped), handled_count=1)


# -- agents and faults --


@breaks("no_delivery_to_the_dead")
def work_through_an_outage(log: Synthetic) -> None:
    """The attempt goes on as if its agent had not been killed."""
    _, up = outage_of(log, "crash")
    receipt = next(
        e for e in log.of(bodies.DeliveryAcknowledged) if e.seq > up.seq and e.source == "executor"
    )
    log.change(receipt, started_ns=up.time_ns - S)
    recount(log)


@breaks("no_delivery_to_the_dead")
def beat_while_away(log: Synthetic) -> None:
    fault, _ = outage_of(log, "amnesia")
    crash = next(e for e in log.of(bodies.AgentCrashed) if e.correlation_seq == fault.seq)
    insert(log, crash, bodies.AgentHeartbeat("witness", 0, 0, 0))
    recount(log)


@breaks("faults_are_explained")
def crash_by_itself(log: Synthetic) -> None:
    beat = nth(log, bodies.AgentHeartbeat, 30)
    insert(log, beat, bodies.AgentCrashed("architect", "exit code 1"))


@breaks("faults_are_explained")
def miscount_a_rule(log: Synthetic) -> None:
    log.change(nth(log, bodies.FaultsCounted), rules=counts_less(log, "lost"))


@breaks("faults_are_explained")
def fire_after_healing(log: Synthetic) -> None:
    healed = nth(log, bodies.FaultsHealed)
    log.drop(healed)
    insert(log, nth(log, bodies.AgentStarted), healed.data)


@breaks("faults_are_explained")
def copy_without_a_fault(log: Synthetic) -> None:
    fault = nth(log, bodies.FaultInjected, kind="duplicate")
    other = nth(log, bodies.TelemetryReceived, 1)
    log.move(fault, causation_seq=other.seq, correlation_seq=other.seq)


@breaks("permissions")
def publish_as_another(log: Synthetic) -> None:
    log.move(nth(log, bodies.BudgetThresholdCrossed), source="workload")


@breaks("permissions")
def publish_on_another_queue(log: Synthetic) -> None:
    log.move(nth(log, bodies.AgentHeartbeat, 3), queue="execution_queue")


@breaks("lives_in_order")
def act_before_starting(log: Synthetic) -> None:
    started = nth(log, bodies.AgentStarted, agent="executor")
    log.drop(started)
    insert(log, nth(log, bodies.TelemetryReceived, 12), started.data, source="executor")
    recount(log)


@breaks("lives_in_order")
def come_back_uncounted(log: Synthetic) -> None:
    log.change(nth(log, bodies.AgentStarted, agent="executor", restart_count=1), restart_count=2)


@breaks("lives_in_order")
def never_stop(log: Synthetic) -> None:
    log.drop(nth(log, bodies.AgentStopped, 1))


@breaks("lives_in_order")
def go_on_after_the_end(log: Synthetic) -> None:
    insert(log, nth(log, bodies.RunFinished), bodies.LimitReached("calls_max", "run", 1))


@breaks("lives_in_order")
def begin_twice(log: Synthetic) -> None:
    repeat(log, nth(log, bodies.RunStarted))


@breaks("lives_in_order")
def stop_twice(log: Synthetic) -> None:
    repeat(log, nth(log, bodies.AgentStopped))


@breaks("stopped_equals_rebuilt")
def know_something_else(log: Synthetic) -> None:
    log.change(nth(log, bodies.AgentStopped), state_sha256="cd" * 32)


@breaks("stopped_equals_rebuilt")
def rebuild_all_but_one(log: Synthetic) -> None:
    log.drop(nth(log, bodies.StateRebuilt, 2))


@breaks("resumed_as_it_stopped")
def forget_money(log: Synthetic) -> None:
    resumed = nth(log, bodies.RunResumed)
    spent_nanousd = body_of(resumed, bodies.RunResumed).spent_nanousd
    log.change(resumed, spent_nanousd=spent_nanousd - 1)


@breaks("resumed_as_it_stopped")
def forget_a_delivery(log: Synthetic) -> None:
    resumed = nth(log, bodies.RunResumed)
    counts = body_of(resumed, bodies.RunResumed).pending_counts
    log.change(resumed, pending_counts={queue: count + 1 for queue, count in counts.items()})
