-- title: Nobody publishes what is not theirs
-- level: mandatory
-- target: each source publishes the types that are its own, on the queue where they belong

-- :population
select count(*) from events;

-- :violations
with own(source, type, queue) as (
    values
        ('workload', 'telemetry.received', 'telemetry_stream'),
        ('workload', 'truth.labelled', null),
        ('witness', 'pattern.detected', 'improvement_queue'),
        ('witness', 'telemetry.dismissed', null),
        ('witness', 'pattern.learned', null),
        ('witness', 'pattern.forgotten', null),
        ('witness', 'memory.reindexed', null),
        ('witness', 'review.requested', null),
        ('reviewer', 'feedback.given', 'feedback_queue'),
        ('architect', 'task.created', 'execution_queue'),
        ('architect', 'model.called', null),
        ('executor', 'feedback.given', 'feedback_queue'),
        ('executor', 'model.called', null),
        ('executor', 'task.completed', null),
        ('executor', 'task.failed', null),
        ('sequencer', 'run.started', null),
        ('sequencer', 'run.finished', null),
        ('sequencer', 'agent.heartbeat', null),
        ('sequencer', 'agent.crashed', null),
        ('sequencer', 'agent.refused', null),
        ('sequencer', 'metrics.sampled', null),
        ('sequencer', 'pattern.imported', null),
        ('sequencer', 'limit.reached', null),
        ('sequencer', 'budget.threshold_crossed', null),
        ('sequencer', 'delivery.dead_lettered', null),
        ('sequencer', 'delivery.redelivered', null),
        ('sequencer', 'fault.injected', null),
        ('sequencer', 'faults.healed', null),
        ('sequencer', 'faults.counted', null)
    union all
    select agent, type, null
    from (values ('witness'), ('architect'), ('executor')) as agents(agent)
    cross join (
        values
            ('agent.started'), ('agent.stopped'), ('delivery.acknowledged'), ('delivery.failed'),
            ('delivery.dead_lettered'), ('delivery.deduplicated'), ('fault.injected'), ('limit.reached'),
            ('publication.refused')
    ) as types(type)
)
select published.seq, published.source as subject,
    published.type || ' on ' || coalesce(published.queue, 'no queue')
    || if(event_count > 1, printf(', and %d more', event_count - 1), '') as problem
from (
    select source, type, queue, min(seq) as seq, count(*) as event_count from events group by all
) as published
anti join own
    on own.source = published.source
    and own.type = published.type
    and own.queue is not distinct from published.queue
order by all;
