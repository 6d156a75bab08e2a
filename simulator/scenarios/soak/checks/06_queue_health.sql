-- title: Queue health
-- level: mandatory
-- target: at most 50 pending on any queue at any moment, none at the end
-- Depths are counted from the events themselves, not from samples.

-- :population
select count(*) from events where queue is not null;

-- :violations
select queue, max(depth) as max_depth, arg_max(depth, seq) as end_depth
from queue_changes
group by queue
having max(depth) > 50 or arg_max(depth, seq) != 0
order by all;

-- :finding
select printf('max backlog: %d messages on %s', max(depth), arg_max(queue, depth)) from queue_changes;
