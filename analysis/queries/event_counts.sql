-- title: Events by type and source
-- grain: one row per type and source
-- columns:
--   event_count
--   first_elapsed, last_elapsed  HH:MM:SS since the start
select
    type,
    source,
    count(*) as event_count,
    clock(min(time_ns) - any_value(start_ns)) as first_elapsed,
    clock(max(time_ns) - any_value(start_ns)) as last_elapsed
from events
cross join (select start_ns from run)
group by all
order by type, source;
