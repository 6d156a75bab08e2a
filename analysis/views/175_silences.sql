-- silences: agents that gave no sign of life for more than three heartbeat intervals.
-- Grain: one row per silence.
-- Columns:
--   since_ns     last sign of life: its start or a heartbeat, nanoseconds since the Unix epoch
--   noticed_ns   three intervals later
--   duration_ns  until the next heartbeat, its end, or the end of the log if it never stopped
create view silences as
with signs as (
    select agent, time_ns from heartbeats
    union all
    select agent, started_ns from agents
    union all
    select agent, coalesce(stopped_ns, end_ns) from agents cross join run
)
select agent, since_ns, since_ns + gap_ns_max as noticed_ns, time_ns - since_ns as duration_ns
from (select agent, time_ns, lag(time_ns) over (partition by agent order by time_ns) as since_ns from signs)
cross join (select 3 * heartbeat_interval_ns as gap_ns_max from run where heartbeat_interval_ns > 0)
where time_ns - since_ns > gap_ns_max;
