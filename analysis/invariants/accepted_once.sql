-- title: Accepted means handled or dead-lettered, once
-- level: mandatory
-- target: each event on a queue is settled exactly once when a run is complete, and never twice

-- :population
select count(*) from events;

-- :violations
select published.seq, published.queue as subject,
    if(settled_count is null, 'neither handled nor dead-lettered', printf('settled %d times', settled_count))
    as problem
from (select seq, queue from events where queue is not null) as published
left join (
    select event_seq, count(*) as settled_count
    from receipts
    where outcome in ('acknowledged', 'dead_lettered')
    group by event_seq
) as settled on settled.event_seq = published.seq
where settled_count > 1
    or (settled_count is null and (select status from run) = 'completed')
order by all;
