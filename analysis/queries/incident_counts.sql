-- title: How often things went wrong
-- grain: one row per sort of incident that occurred
-- columns: incident, incident_count, first_elapsed and last_elapsed (HH:MM:SS since the start)
select
    incident,
    count(*) as incident_count,
    clock(min(time_ns) - any_value(start_ns)) as first_elapsed,
    clock(max(time_ns) - any_value(start_ns)) as last_elapsed
from incidents
cross join (select start_ns from run)
group by incident
order by incident_count desc, incident;
