-- title: What each agent did
-- grain: one row per agent that started
-- columns:
--   handled_count, failed_count   deliveries acknowledged, and attempts that failed
--   busy_s                        seconds of service time
--   busy_share                    0 to 1, of the run's bus time
--   mean_service_ms, max_wait_ms  milliseconds
--   heartbeat_count
--   crash_count, injected_crash_count  all crashes, and those that a fault rule made
--   last_heartbeat                HH:MM:SS since the start
--   pattern_count                 patterns in its memory at the end; null if it never stopped
with work as (
    select
        agent,
        count_if(outcome = 'acknowledged') as handled_count,
        count_if(outcome = 'failed') as failed_count,
        sum(service_ns)::bigint as busy_ns,
        avg(service_ns) filter (where outcome = 'acknowledged') as mean_service_ns,
        max(wait_ns) as max_wait_ns
    from deliveries
    group by agent
)
select
    agent,
    coalesce(work.handled_count, 0) as handled_count,
    coalesce(failed_count, 0) as failed_count,
    coalesce(seconds(work.busy_ns), 0) as busy_s,
    round(coalesce(work.busy_ns, 0) / nullif(run.elapsed_ns, 0), 4) as busy_share,
    ms(mean_service_ns) as mean_service_ms,
    ms(max_wait_ns) as max_wait_ms,
    heartbeat_count,
    crash_count,
    injected_crash_count,
    clock(last_heartbeat_ns - run.start_ns) as last_heartbeat,
    pattern_count
from agents
cross join run
left join work using (agent)
order by agent;
