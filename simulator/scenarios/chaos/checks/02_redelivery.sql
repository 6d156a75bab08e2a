-- title: Redelivery
-- level: mandatory
-- target: what was lost, damaged, cut off or held by an agent that crashed is sent again until it is settled
-- An event that a fault of a link lost and that was neither sent again nor given up is a violation, and so is
-- one that was sent again and never settled.

-- :population
select count(*) from events;

-- :violations
with settled as (
    select distinct event_seq from deliveries where outcome != 'failed'
)
select lost.seq, lost.target as subject,
    printf('%s hit event %d, which was not sent again', kind, event_seq) as problem
from (
    -- A partition that delays the answer of an agent loses no delivery.
    select faults.*
    from faults
    join events as hit on hit.seq = faults.event_seq and hit.queue = faults.target
    where kind in ('drop', 'corrupt', 'partition')
) as lost
where not exists (
    from redeliveries
    where redeliveries.event_seq = lost.event_seq and redeliveries.seq > lost.seq
)
and lost.event_seq not in (select event_seq from deliveries where cause = 'redeliveries_max')
union all
select seq, queue, printf('event %d was sent again and is not settled', event_seq)
from redeliveries
anti join settled using (event_seq)
order by all;

-- :finding
select printf('%d redeliveries of %d events', count(*), count(distinct event_seq)) from redeliveries;
