-- queue_depths: depth of the queues as the bus counted it.
-- Grain: one row per metrics.sampled and queue.
-- Columns:
--   depth      deliveries published and not yet acknowledged or dead-lettered
--   depth_max  the greatest depth since the sample before; of the first sample, since the start
create view queue_depths as
select seq, time_ns, sample.queue as queue, sample.depth as depth, sample.depth_max as depth_max
from (
    select
        seq,
        time_ns,
        unnest(
            from_json(
                data -> '$.queue_depths', '[{"queue": "VARCHAR", "depth": "BIGINT", "depth_max": "BIGINT"}]'
            )
        ) as sample
    from events
    where type = 'metrics.sampled'
);
