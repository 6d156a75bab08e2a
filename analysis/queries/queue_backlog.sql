-- title: The longest each queue got
-- grain: one row per queue that was used
-- columns:
--   published_count      events put on it
--   max_depth            most deliveries pending at any moment
--   max_depth_at         HH:MM:SS since the start, first time it was that deep
--   end_depth            pending at the end of the log
--   dead_letter_count    deliveries given up
select
    queue,
    count_if(change > 0) as published_count,
    max(depth) as max_depth,
    clock(arg_max(time_ns, depth * 9223372036854775807::hugeint - seq) - any_value(start_ns)) as max_depth_at,
    arg_max(depth, seq) as end_depth,
    coalesce(any_value(dead_letter_count), 0) as dead_letter_count
from queue_changes
cross join (select start_ns from run)
left join (
    select data ->> '$.queue' as queue, count(*) as dead_letter_count
    from events where type = 'delivery.dead_lettered' group by all
) using (queue)
group by queue
order by queue;
