-- title: Deliveries that were given up
-- grain: one row per dead letter, in order
-- columns:
--   elapsed                HH:MM:SS since the start
--   seq, event_seq         the dead letter, and the event that no one will handle
--   event_type, queue
--   cause                  attempts_max, queue_full or redeliveries_max
--   attempt                attempts made
--   reason
select
    clock(deliveries.time_ns - start_ns) as elapsed,
    deliveries.seq,
    event_seq,
    events.type as event_type,
    deliveries.queue,
    cause,
    attempt,
    reason
from deliveries
cross join (select start_ns from run)
left join events on events.seq = deliveries.event_seq
where outcome = 'dead_lettered'
order by deliveries.seq;
