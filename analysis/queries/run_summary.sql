-- title: The run in one row
-- grain: one row
-- columns:
--   scenario, seed, status, reason
--   started_at, ended_at  UTC
--   elapsed               HH:MM:SS of bus time
--   elapsed_hours         hours of bus time
--   planned_hours         hours the run was to last
--   event_count           events on the log
--   telemetry_count       telemetry events
--   agent_count           agents that started
--   budget_usd, spent_usd US dollars
select
    scenario,
    seed,
    status,
    reason,
    utc(start_ns) as started_at,
    utc(end_ns) as ended_at,
    clock(elapsed_ns) as elapsed,
    hours(elapsed_ns) as elapsed_hours,
    hours(duration_ns) as planned_hours,
    event_count,
    (select count(*) from events where type = 'telemetry.received') as telemetry_count,
    (select count(*) from agents) as agent_count,
    usd(budget_nanousd) as budget_usd,
    usd(coalesce((select sum(cost_nanousd) from model_calls), 0)) as spent_usd
from run;
