-- title: Alerts by subject
-- grain: one row per alert and subject
-- columns:
--   alert_count
--   first_elapsed  HH:MM:SS since the start
--   worst_value    the highest value measured, in the unit beside it; null if the alert measures nothing
--   unit
select
    alert,
    subject,
    count(*) as alert_count,
    clock(min(time_ns) - any_value(start_ns)) as first_elapsed,
    max(value) as worst_value,
    arg_max(unit, coalesce(value, 0)) as unit
from alerts
cross join (select start_ns from run)
group by alert, subject
order by alert, subject;
