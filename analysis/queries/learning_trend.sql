-- title: Confidence and accuracy, hour by hour
-- grain: one row per hour of the run in which a detection was published
-- columns:
--   hour              hours since the start, whole
--   detection_count   detections published
--   mean_confidence   0 to 1
--   labelled_count    of these, on labelled telemetry
--   accuracy          0 to 1, of these; null without labels
--   learned_count     changes of the pattern memory in this hour
with detected as (
    select (decisions.time_ns - run.start_ns) // 3600000000000 as hour, confidence, predicted, telemetry_seq
    from decisions cross join run
    where published
),
learning as (
    select (learned.time_ns - run.start_ns) // 3600000000000 as hour, count(*) as learned_count
    from learned cross join run
    group by all
)
select
    hour,
    count(*) as detection_count,
    round(avg(confidence), 4) as mean_confidence,
    count(label) as labelled_count,
    round(avg(if(label is null, null, cast(predicted = label as integer))), 4) as accuracy,
    coalesce(any_value(learned_count), 0) as learned_count
from detected
left join truths using (telemetry_seq)
left join learning using (hour)
group by hour
order by hour;
