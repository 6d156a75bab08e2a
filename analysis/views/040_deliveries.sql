-- deliveries: attempts to handle a delivery, and deliveries given up.
-- Grain: one row per attempt (acknowledged or failed), and one per dead letter.
-- Columns:
--   event_seq                          the event that was delivered
--   agent                              the consumer; sequencer for a dead letter that no consumer saw
--   attempt                            from 1; for a dead letter the attempts made
--   arrived_ns, started_ns, finished_ns  nanoseconds since the Unix epoch; null if no consumer saw it
--   wait_ns, service_ns                nanoseconds
--   outcome                            acknowledged, failed or dead_lettered
--   reason                             null when acknowledged
--   cause                              of a dead letter: attempts_max, queue_full or redeliveries_max
create view deliveries as
select
    * exclude (body_cause),
    started_ns - arrived_ns as wait_ns,
    finished_ns - started_ns as service_ns,
    case
        when outcome != 'dead_lettered' then null
        -- Logs of version 1 do not say it, and had two ways to give a delivery up.
        else coalesce(body_cause, if(attempt = 0, 'queue_full', 'attempts_max'))
    end as cause
from (
    select
        seq,
        time_ns,
        causation_seq as event_seq,
        correlation_seq,
        source as agent,
        data ->> '$.queue' as queue,
        cast(data ->> '$.attempt' as bigint) as attempt,
        -- 0 where no consumer saw it.
        nullif(cast(data ->> '$.arrived_ns' as bigint), 0) as arrived_ns,
        nullif(cast(data ->> '$.started_ns' as bigint), 0) as started_ns,
        nullif(cast(data ->> '$.finished_ns' as bigint), 0) as finished_ns,
        type[10:] as outcome,
        data ->> '$.reason' as reason,
        data ->> '$.cause' as body_cause
    from events
    where type in ('delivery.acknowledged', 'delivery.failed', 'delivery.dead_lettered')
);
