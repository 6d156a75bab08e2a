-- title: Queues within their bounds
-- level: mandatory
-- target: no queue longer than its bound, nothing refused while there was room, and samples that are true
-- The depth is folded from the log; an event that was refused never was on the queue. Bounds are those of the
-- scenario, where it is known, and of limit.reached.

-- :population
select count(*) from events;

-- :violations
select seq, queue as subject, printf('%d pending, bound %d', depth, depth_max) as problem
from flow where moment = 'accepted'
union all
select seq, queue, printf('refused with %d pending, bound %d', depth, depth_max)
from flow where moment = 'refused' and (depth_max is null or depth < depth_max)
union all
select seq, queue, printf('%d pending by the sample, %d by the log', queue_depths.depth, flow.depth)
from flow
join queue_depths using (seq, queue)
where moment = 'sample' and flow.depth != queue_depths.depth
union all
select seq, queue, printf('at most %d by the sample, at its moment %d', depth_max, depth)
from queue_depths where depth_max < depth
union all
select null, subject, printf('%s is %s', limit_name, string_agg(limit_value, ' and ' order by limit_value))
from limits
where limit_name in ('queue_depth_max', 'budget_granted_nanousd')
group by limit_name, subject
having count(*) > 1
order by all;
