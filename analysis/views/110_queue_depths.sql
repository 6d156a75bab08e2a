-- queue_depths: depth of the queues as the bus sampled it.
-- Grain: one row per metrics.sampled and queue.
-- Columns: depth  deliveries published and not yet acknowledged or dead-lettered
create view queue_depths as
select seq, time_ns, sample.queue as queue, sample.depth as depth
from (
    select
        seq,
        time_ns,
        unnest(from_json(data -> '$.queue_depths', '[{"queue": "VARCHAR", "depth": "BIGINT"}]')) as sample
    from events
    where type = 'metrics.sampled'
);
