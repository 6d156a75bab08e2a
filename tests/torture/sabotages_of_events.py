"""Sabotages of causes, order, acceptance and effects. Must not judge."""

import msgspec

from bus import bodies
from tests.analysis.synthetic import S, Synthetic
from tests.torture.sabotage_tools import (
    INSERTED_SEQ,
    Sabotages,
    body_of,
    commit_of,
    counts_less,
    insert,
    nth,
    recount,
    repeat,
)

SABOTAGES = Sabotages()
breaks = SABOTAGES.breaks

# -- causes and order --


@breaks("cause_on_log")
def name_a_later_cause(log: Synthetic) -> None:
    task = nth(log, bodies.TaskCompleted)
    log.move(nth(log, bodies.TaskCreated), causation_seq=task.seq)


@breaks("cause_on_log")
def change_chains(log: Synthetic) -> None:
    other = nth(log, bodies.TelemetryReceived, 5)
    log.move(nth(log, bodies.PatternDetected), correlation_seq=other.seq)


@breaks("cause_on_log")
def orphan_a_decision(log: Synthetic) -> None:
    decision = nth(log, bodies.TelemetryDismissed)
    log.move(decision, causation_seq=None, correlation_seq=decision.seq)


@breaks("cause_on_log")
def lose_a_handled_event(log: Synthetic) -> None:
    log.drop(nth(log, bodies.FeedbackGiven))


@breaks("cause_on_log")
def hand_out_the_truth(log: Synthetic) -> None:
    truth = nth(log, bodies.TruthLabelled)
    for event in commit_of(log, nth(log, bodies.TelemetryDismissed)):
        log.move(event, causation_seq=truth.seq, correlation_seq=truth.correlation_seq)


@breaks("cause_on_log")
def skip_the_pattern(log: Synthetic) -> None:
    telemetry = nth(log, bodies.TelemetryReceived, 1)
    for event in commit_of(log, nth(log, bodies.TaskCreated)):
        log.move(event, causation_seq=telemetry.seq, correlation_seq=telemetry.seq)


@breaks("no_inversion")
def turn_time_back(log: Synthetic) -> None:
    sample = nth(log, bodies.MetricsSampled, 9)
    log.move(sample, time_ns=sample.time_ns - 400 * S)


@breaks("no_inversion")
def share_a_commit(log: Synthetic) -> None:
    first, second = nth(log, bodies.AgentStopped, 0), nth(log, bodies.AgentStopped, 1)
    log.move(first, commit_seq=second.commit_seq)


@breaks("no_inversion")
def spread_a_commit_over_time(log: Synthetic) -> None:
    end = nth(log, bodies.RunFinished)
    counted = nth(log, bodies.FaultsCounted)
    log.move(counted, commit_seq=end.commit_seq)
    log.move(nth(log, bodies.RunFinished), time_ns=end.time_ns + 1)


# -- acceptance and effects --


@breaks("accepted_once")
def lose_an_acknowledgement(log: Synthetic) -> None:
    log.drop(*commit_of(log, nth(log, bodies.PatternLearned, 3)))
    recount(log)


@breaks("accepted_once")
def settle_twice(log: Synthetic) -> None:
    refused = nth(log, bodies.DeliveryDeadLettered, cause="queue_full")
    repeat(log, refused)


@breaks("accepted_once")
def give_up_what_was_handled(log: Synthetic) -> None:
    handled = nth(log, bodies.DeliveryAcknowledged, 2, queue="telemetry_stream")
    given_up = bodies.DeliveryDeadLettered("telemetry_stream", 0, "lost", "queue_full")
    cause = {"causation_seq": handled.causation_seq, "correlation_seq": handled.correlation_seq}
    insert(log, handled, given_up, **cause)


@breaks("one_outcome")
def lose_a_decision(log: Synthetic) -> None:
    log.drop(nth(log, bodies.TelemetryDismissed, 3))


@breaks("one_outcome")
def complete_and_fail(log: Synthetic) -> None:
    feedback = nth(log, bodies.FeedbackGiven)
    task = body_of(feedback, bodies.FeedbackGiven)
    failed = msgspec.structs.replace(
        feedback, type="task.failed", queue=None, data=bodies.TaskFailed(task.kind, "Q", "no")
    )
    place = next(n for n, event in enumerate(log.events) if event is feedback)
    log.events.insert(place, msgspec.structs.replace(failed, seq=INSERTED_SEQ))


@breaks("one_outcome")
def fail_with_an_outcome(log: Synthetic) -> None:
    fault = nth(log, bodies.FaultInjected, kind="rate_limit")
    log.move(fault, type="task.failed", data=bodies.TaskFailed("flaky_test", "Q", "no"))
    log.change(nth(log, bodies.FaultsCounted), rules=counts_less(log, "limited"))


@breaks("no_effect_twice")
def acknowledge_twice(log: Synthetic) -> None:
    repeat(log, nth(log, bodies.DeliveryAcknowledged, 4))


@breaks("no_effect_twice")
def learn_twice(log: Synthetic) -> None:
    lesson = nth(log, bodies.PatternLearned)
    place = next(n for n, event in enumerate(log.events) if event is lesson)
    log.events.insert(place, msgspec.structs.replace(lesson, seq=INSERTED_SEQ))


@breaks("no_effect_twice")
def let_a_copy_have_an_effect(log: Synthetic) -> None:
    copy = nth(log, bodies.DeliveryDeduplicated)
    limit = msgspec.structs.replace(
        copy, type="limit.reached", data=bodies.LimitReached("calls_max", "witness", 1), seq=INSERTED_SEQ
    )
    place = next(n for n, event in enumerate(log.events) if event is copy)
    log.events.insert(place + 1, limit)


@breaks("whole_handlings")
def publish_without_a_receipt(log: Synthetic) -> None:
    outcome = nth(log, bodies.LimitReached, limit="delivery_attempts_max")
    repeat(log, outcome)
    log.drop(outcome)


@breaks("whole_handlings")
def put_the_receipt_last(log: Synthetic) -> None:
    commit = commit_of(log, nth(log, bodies.TelemetryDismissed, 3))
    receipt, decision = commit
    start = log.events.index(receipt)
    log.events[start : start + 2] = [
        msgspec.structs.replace(decision, seq=receipt.seq),
        msgspec.structs.replace(receipt, seq=decision.seq),
    ]
