-- deliveries: attempts to handle a delivery, and deliveries given up.
-- Grain: one row per attempt (acknowledged or failed), and one per dead letter.
-- Columns:
--   event_seq                          the event that was delivered
--   agent                              the consumer
--   attempt                            from 1; for a dead letter the attempts made
--   arrived_ns, started_ns, finished_ns  nanoseconds since the Unix epoch; null for a dead letter
--   wait_ns, service_ns                nanoseconds
--   outcome                            acknowledged, failed or dead_lettered
--   reason                             null when acknowledged
create view deliveries as
select
    seq,
    time_ns,
    causation_seq as event_seq,
    correlation_seq,
    source as agent,
    data ->> '$.queue' as queue,
    cast(data ->> '$.attempt' as bigint) as attempt,
    cast(data ->> '$.arrived_ns' as bigint) as arrived_ns,
    cast(data ->> '$.started_ns' as bigint) as started_ns,
    cast(data ->> '$.finished_ns' as bigint) as finished_ns,
    cast(data ->> '$.started_ns' as bigint) - cast(data ->> '$.arrived_ns' as bigint) as wait_ns,
    cast(data ->> '$.finished_ns' as bigint) - cast(data ->> '$.started_ns' as bigint) as service_ns,
    type[10:] as outcome,
    data ->> '$.reason' as reason
from events
where type in ('delivery.acknowledged', 'delivery.failed', 'delivery.dead_lettered');
