-- queue_changes: depth of the queues at every moment, counted from the events themselves.
-- Grain: one row per event that adds to a queue (+1) or takes from it (-1: acknowledged or dead-lettered).
-- Columns: depth  deliveries pending after this event
create view queue_changes as
select
    seq,
    time_ns,
    queue,
    change,
    cast(sum(change) over (partition by queue order by seq rows unbounded preceding) as bigint) as depth
from (
    select seq, time_ns, queue, 1 as change
    from events
    where queue is not null
    union all
    select seq, time_ns, data ->> '$.queue' as queue, -1 as change
    from events
    where type in ('delivery.acknowledged', 'delivery.dead_lettered')
);
