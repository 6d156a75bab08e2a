-- title: Every cause is on the log
-- level: mandatory
-- target: each event follows from an earlier one of its chain, or may begin a chain
-- What an agent publishes follows from an event that was delivered to it; no one is handed ground truth. Each
-- type follows from the types that lead to it.

-- :population
select count(*) from events;

-- :violations
with may_begin(type) as (
    values
        ('run.started'), ('run.finished'), ('agent.started'), ('agent.crashed'), ('agent.heartbeat'),
        ('agent.stopped'), ('metrics.sampled'), ('telemetry.received'), ('fault.injected'),
        ('faults.healed'), ('faults.counted'), ('pattern.imported')
),
follows(type, cause_type) as (
    values
        ('truth.labelled', 'telemetry.received'),
        ('pattern.detected', 'telemetry.received'),
        ('telemetry.dismissed', 'telemetry.received'),
        ('task.created', 'pattern.detected'),
        ('task.completed', 'task.created'),
        ('task.failed', 'task.created'),
        ('review.requested', 'telemetry.received'),
        ('pattern.learned', 'feedback.given'),
        ('pattern.forgotten', 'feedback.given'),
        ('memory.reindexed', 'feedback.given'),
        ('budget.threshold_crossed', 'model.called')
)
select event.seq, event.source as subject,
    case
        when event.causation_seq is null and event.correlation_seq != event.seq
            then 'begins no chain and has no cause'
        when event.causation_seq is null then event.type || ' without a cause'
        when cause.seq is null then printf('its cause %d is not on the log', event.causation_seq)
        when cause.seq >= event.seq then printf('its cause %d is not earlier', event.causation_seq)
        when cause.correlation_seq != event.correlation_seq
            then printf('chain %d, its cause has chain %d', event.correlation_seq, cause.correlation_seq)
        when follows.cause_type != cause.type
            or (event.type = 'feedback.given' and not coalesce(is_answer, false))
            then event.type || ' caused by ' || cause.type
        else 'an effect of ' || cause.type || ', which nobody was handed'
    end as problem
from events as event
left join events as cause on cause.seq = event.causation_seq
left join follows on follows.type = event.type
-- EXECUTOR speaks of its task, the reviewer of an outcome or of a request.
left join (
    values
        ('executor', 'task.created', true),
        ('reviewer', 'task.completed', true),
        ('reviewer', 'task.failed', true),
        ('reviewer', 'review.requested', true)
) as answers(source, cause_type, is_answer)
    on answers.source = event.source and answers.cause_type = cause.type
where if(
    event.causation_seq is null,
    event.correlation_seq != event.seq or event.type not in (select type from may_begin),
    cause.seq is null
    or cause.seq >= event.seq
    or cause.correlation_seq != event.correlation_seq
    or follows.cause_type != cause.type
    or (event.type = 'feedback.given' and not coalesce(is_answer, false))
    or (
        cause.queue is null
        and event.source not in ('sequencer', 'workload', 'reviewer')
        -- An agent that comes back follows from the fault that took it away.
        and event.type != 'agent.started'
    )
)
order by all;
