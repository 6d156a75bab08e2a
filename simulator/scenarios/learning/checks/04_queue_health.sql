-- title: Queue health
-- level: mandatory
-- target: at most 50 pending on any queue at any moment, none at the end
-- The bus samples the greatest depth since the sample before. What is pending at the end, and at the last
-- sample, is counted from the events themselves; a bus that counted otherwise is a violation.

-- :population
select count(*) from events where queue is not null;

-- :violations
with sampled as (
    select queue, max(depth_max) as max_depth, arg_max(depth, seq) as last_depth
    from queue_depths
    group by queue
),
queues as (
    select *, published_count - settled_count as end_depth
    from queue_totals
    left join sampled using (queue)
)
select queue, printf('%d pending', max_depth) as problem from queues where max_depth > 50
union all
select queue, printf('%d pending at the end', end_depth) from queues where end_depth != 0
union all
select queue, 'never sampled' from queues where max_depth is null
union all
select queue, printf('%d pending by the last sample, %d by the events', last_depth, sampled_depth)
from queues
where last_depth != sampled_depth
order by all;

-- :finding
select printf('max backlog: %d messages on %s', max(depth_max), min_by(queue, (-depth_max, queue)))
from queue_depths;
