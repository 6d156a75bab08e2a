-- title: Lives in order
-- level: mandatory
-- target: the run begins and ends once, and agents start before they act, come back counted, and stop last

-- :population
select count(*) from events;

-- :violations
with starts as (
    select
        seq,
        data ->> '$.agent' as agent,
        coalesce(cast(data ->> '$.restart_count' as bigint), 0) as restart_count,
        row_number() over (partition by data ->> '$.agent' order by seq) - 1 as number
    from events
    where type = 'agent.started'
),
lives as (
    select source, min(seq) as first_seq, max(seq) as last_seq
    from events
    where source not in ('sequencer', 'workload', 'reviewer')
    group by source
),
stops as (
    select data ->> '$.agent' as agent, count(*) as stop_count, min(seq) as seq
    from events
    where type = 'agent.stopped'
    group by all
)
select seq, agent as subject, printf('start %d says restart %d', number, restart_count) as problem
from starts where restart_count != number
union all
select lives.first_seq, source, 'acts before it has started'
from lives
left join starts on starts.agent = lives.source and starts.number = 0
where starts.seq is null or starts.seq > lives.first_seq
union all
select lives.last_seq, source, 'acts after it has stopped'
from lives join stops on stops.agent = lives.source
where lives.last_seq > stops.seq
union all
select seq, agent, printf('stopped %d times', stop_count) from stops where stop_count > 1
union all
select starts.seq, starts.agent, 'never stopped'
from starts anti join stops using (agent)
where starts.number = 0 and (select status from run) = 'completed'
union all
select min(seq), 'run', if(count(*) = 1, 'is not the first event', printf('begins %d times', count(*)))
from events where type = 'run.started'
having count(*) != 1 or min(seq) != 1
union all
select min(seq), 'run', if(count(*) = 1, 'goes on after its end', printf('ends %d times', count(*)))
from events where type = 'run.finished'
having count(*) > 1 or min(seq) != (select max(seq) from events)
order by all;
