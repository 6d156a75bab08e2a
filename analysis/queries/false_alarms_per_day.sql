-- title: False alarms a day
-- grain: one row per kind that was published about labelled telemetry, and one, last, for all kinds
-- columns:
--   kind                  as published; `all` for the sum
--   detection_count       detections of labelled telemetry
--   false_count           of these, those whose label is another
--   of_nothing_count      of these, those whose label is `none`; the others took one kind for another
--   false_alarms_per_day  false_count in 24 hours of bus time
--   precision             0 to 1, detections that are not false
select
    if(grouping(predicted) = 1, 'all', predicted) as kind,
    count(*) as detection_count,
    count_if(not correct) as false_count,
    count_if(label = 'none') as of_nothing_count,
    round(count_if(not correct) / (any_value(elapsed_ns) / 86400e9), 3) as false_alarms_per_day,
    round(avg(cast(correct as integer)), 4) as precision
from graded cross join run
where published
group by rollup(predicted)
having count(*) > 0
order by grouping(predicted), predicted;
