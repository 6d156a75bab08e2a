-- title: The longest each queue got
-- grain: one row per queue that was used
-- columns:
--   published_count      events put on it
--   max_depth            most deliveries pending at any moment up to the last sample; null without samples
--   max_depth_by         HH:MM:SS since the start, the first sample that knew it to have been that deep
--   end_depth            pending at the end of the log
--   dead_letter_count    deliveries given up
with peaks as (
    select queue, max(depth_max) as max_depth, min_by(time_ns, (-depth_max, seq)) as time_ns
    from queue_depths
    group by queue
),
dead_letters as (
    select data ->> '$.queue' as queue, count(*) as dead_letter_count
    from events
    where type = 'delivery.dead_lettered'
    group by all
)
select
    queue,
    published_count,
    max_depth,
    clock(time_ns - start_ns) as max_depth_by,
    published_count - settled_count as end_depth,
    coalesce(dead_letter_count, 0) as dead_letter_count
from queue_totals
cross join (select start_ns from run)
left join peaks using (queue)
left join dead_letters using (queue)
order by queue;
