-- title: Automatic alerts
-- grain: one row per alert
-- columns:
--   elapsed      HH:MM:SS since the start
--   at           UTC
--   alert        agent_crash, memory_leak, queue_backlog, detection_failure, cost_spike, storage_error,
--                model_timeout, budget or limit_reached
--   level        warning or error
--   subject      the agent, queue, model or limit
--   value, limit_value, unit
select
    clock(time_ns - start_ns) as elapsed,
    utc(time_ns) as at,
    alert,
    level,
    subject,
    value,
    limit_value,
    unit
from alerts
cross join (select start_ns from run)
order by time_ns, alert, subject;
