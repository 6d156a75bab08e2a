-- agents: the agents of the run.
-- Grain: one row per agent that started.
-- Columns:
--   started_ns, stopped_ns, last_heartbeat_ns  nanoseconds since the Unix epoch; null if it never happened
--   crash_count, injected_crash_count          all crashes, and those that a fault rule made
--   handled_count, pattern_count               at the end, from agent.stopped
--   busy_ns                                    service time of acknowledged deliveries, nanoseconds
--   state_sha256                               digest of its state at the end
create view agents as
select
    started.agent,
    started.started_ns,
    stopped.stopped_ns,
    beats.last_heartbeat_ns,
    coalesce(beats.heartbeat_count, 0) as heartbeat_count,
    coalesce(crashed.crash_count, 0) as crash_count,
    coalesce(crashed.injected_crash_count, 0) as injected_crash_count,
    stopped.handled_count,
    coalesce(beats.busy_ns, 0) as busy_ns,
    stopped.pattern_count,
    stopped.state_sha256
from (
    select data ->> '$.agent' as agent, min(time_ns) as started_ns
    from events where type = 'agent.started' group by all
) as started
left join (
    select
        data ->> '$.agent' as agent,
        max(time_ns) as stopped_ns,
        arg_max(cast(data ->> '$.handled_count' as bigint), seq) as handled_count,
        arg_max(cast(data ->> '$.pattern_count' as bigint), seq) as pattern_count,
        arg_max(data ->> '$.state_sha256', seq) as state_sha256
    from events where type = 'agent.stopped' group by all
) as stopped using (agent)
left join (
    select
        data ->> '$.agent' as agent,
        max(time_ns) as last_heartbeat_ns,
        count(*) as heartbeat_count,
        max(cast(data ->> '$.busy_ns' as bigint)) as busy_ns
    from events where type = 'agent.heartbeat' group by all
) as beats using (agent)
left join (
    select agent, count(*) as crash_count, count(rule) as injected_crash_count
    from crashes group by agent
) as crashed using (agent);
