-- title: Work done, hour by hour
-- grain: one row per hour of the run in which an event was recorded
-- columns:
--   hour                  hours since the start, whole
--   event_count           events on the log
--   telemetry_count       telemetry events
--   detection_count       detections published
--   task_count            tasks completed or failed
--   telemetry_per_minute  telemetry events a minute of bus time
select
    (time_ns - start_ns) // 3600000000000 as hour,
    count(*) as event_count,
    count_if(type = 'telemetry.received') as telemetry_count,
    count_if(type = 'pattern.detected') as detection_count,
    count_if(type in ('task.completed', 'task.failed')) as task_count,
    round(count_if(type = 'telemetry.received') / 60, 3) as telemetry_per_minute
from events
cross join (select start_ns from run)
group by hour
order by hour;
