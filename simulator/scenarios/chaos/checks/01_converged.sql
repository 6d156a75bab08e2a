-- title: Converged
-- level: mandatory
-- target: after healing, all that was left undone is done within the bound, and all agents are there
-- What was published before the healing is settled by the deadline; at the end no queue holds anything, no
-- task lacks an outcome, each agent is there and has given a sign of life since, and the run is complete.

-- :population
select count(*) from events where type = 'faults.healed';

-- :violations
with healed as (
    select
        time_ns as healed_ns,
        time_ns + cast(data ->> '$.converge_within_ns' as bigint) as deadline_ns
    from events
    where type = 'faults.healed'
    order by seq
    limit 1
),
settled as (
    select event_seq, min(time_ns) as settled_ns
    from deliveries
    where outcome != 'failed'
    group by event_seq
)
select seq, queue as subject,
    coalesce(
        printf('settled %.0f s after the deadline', (settled_ns - deadline_ns) / 1e9), 'left undone'
    ) as problem
from events
cross join healed
left join settled on settled.event_seq = events.seq
where queue is not null and (settled_ns is null or (time_ns < healed_ns and settled_ns > deadline_ns))
union all
select tasks.seq, 'task', 'no outcome, and it was not given up'
from tasks
anti join (select event_seq from deliveries where outcome = 'dead_lettered') as given_up
    on given_up.event_seq = tasks.seq
where outcome = 'open'
union all
select fault_seq, agent, 'did not come back' from outages where up_seq is null
union all
select null, agent, 'gave no sign of life after the healing'
from agents cross join healed
where coalesce(greatest(last_heartbeat_ns, stopped_ns), 0) < healed_ns
union all
select null, scenario, 'the run ended as ' || status from run where status != 'completed'
order by all;

-- :finding
select printf(
    'healed after %s; of what was under way, the last was settled %.0f s later',
    clock(max(healed.time_ns) - max(run.start_ns)),
    greatest(coalesce(max(deliveries.time_ns) - max(healed.time_ns), 0), 0) / 1e9
)
from run
cross join (select time_ns from events where type = 'faults.healed') as healed
left join events on events.queue is not null and events.time_ns < healed.time_ns
left join deliveries on deliveries.event_seq = events.seq and outcome != 'failed';
