-- flow: what was on each queue, folded from the log, at the moments that matter.
-- Grain: one row per queue and event of these sorts: agent.heartbeat, agent.stopped, metrics.sampled, an
-- event that was refused since the queue was full, and one that made the queue longer than its bound.
-- Columns:
--   seq          of that event
--   moment       beat, sample, refused or accepted
--   depth        deliveries accepted and neither acknowledged nor dead-lettered, this one included
--   handled      deliveries acknowledged so far; busy_ns: their service time, nanoseconds
--   depth_max    the bound of the queue, null if it is not known
create or replace temp table flow as
with changes as (
    select events.seq, events.queue, 'accepted' as moment, 1 as change, 0 as acknowledged, 0 as service_ns
    from events
    anti join (select event_seq from receipts where cause = 'queue_full') as refused
        on refused.event_seq = events.seq
    where events.queue is not null
    union all
    select
        seq,
        queue,
        if(cause = 'queue_full', 'refused', 'settled'),
        if(cause = 'queue_full', 0, -1),
        if(outcome = 'acknowledged', 1, 0),
        if(outcome = 'acknowledged', finished_ns - started_ns, 0)
    from receipts
    where outcome in ('acknowledged', 'dead_lettered')
    union all
    select events.seq, consumers.queue, 'beat', 0, 0, 0
    from events
    join consumers on consumers.agent = events.data ->> '$.agent'
    where events.type in ('agent.heartbeat', 'agent.stopped')
    union all
    select events.seq, consumers.queue, 'sample', 0, 0, 0
    from events
    cross join consumers
    where events.type = 'metrics.sampled'
),
folded as (
    select
        seq,
        queue,
        moment,
        sum(change) over so_far as depth,
        sum(acknowledged) over so_far as handled,
        sum(service_ns) over so_far as busy_ns
    from changes
    window so_far as (partition by queue order by seq rows unbounded preceding)
)
select folded.*, bounds.depth_max
from folded
left join (
    select subject as queue, max(limit_value) as depth_max
    from limits
    where limit_name = 'queue_depth_max'
    group by subject
) as bounds using (queue)
where moment in ('beat', 'sample', 'refused') or (moment = 'accepted' and depth > depth_max);
