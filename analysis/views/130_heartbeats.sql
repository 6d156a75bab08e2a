-- heartbeats: signs of life of the agents.
-- Grain: one row per agent.heartbeat.
-- Columns:
--   handled_count  deliveries acknowledged since the start
--   busy_ns        service time of those deliveries, nanoseconds
--   pending_count  deliveries on its queues that are not acknowledged
--   gap_ns         since the agent's heartbeat before, nanoseconds; null for the first
create view heartbeats as
select
    seq,
    time_ns,
    agent,
    handled_count,
    busy_ns,
    pending_count,
    time_ns - lag(time_ns) over (partition by agent order by seq) as gap_ns
from (
    select
        seq,
        time_ns,
        data ->> '$.agent' as agent,
        cast(data ->> '$.handled_count' as bigint) as handled_count,
        cast(data ->> '$.busy_ns' as bigint) as busy_ns,
        cast(data ->> '$.pending_count' as bigint) as pending_count
    from events
    where type = 'agent.heartbeat'
);
