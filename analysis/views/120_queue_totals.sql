-- queue_totals: what went through each queue, counted from the events themselves.
-- Grain: one row per queue that was used.
-- Columns:
--   published_count  events put on it
--   settled_count    deliveries acknowledged or dead-lettered
--   sampled_depth    pending at the last sample: what the bus should have counted there; null without one
create view queue_totals as
select
    queue,
    count_if(change > 0) as published_count,
    count_if(change < 0) as settled_count,
    cast(sum(change) filter (where seq < last_sample_seq) as bigint) as sampled_depth
from (
    select seq, queue, 1 as change
    from events
    where queue is not null
    union all
    select seq, data ->> '$.queue' as queue, -1 as change
    from events
    where type in ('delivery.acknowledged', 'delivery.dead_lettered')
)
cross join (select max(seq) as last_sample_seq from events where type = 'metrics.sampled')
group by queue;
