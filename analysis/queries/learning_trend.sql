-- title: Confidence and accuracy, hour by hour
-- grain: one row per hour of the run with a detection or a labelled decision
-- columns:
--   hour              hours since the start, whole
--   detection_count   detections published
--   mean_confidence   0 to 1, of these; null if there were none
--   labelled_count    labelled telemetry of this hour, noise included
--   accuracy          0 to 1, of these: what was missed counts as wrong; null without labels
--   learned_count     changes of the pattern memory in this hour
with hours as (
    select (time_ns - (select start_ns from run)) // 3600000000000 as hour, confidence, null as correct
    from decisions
    where published
    union all
    select (telemetry.time_ns - (select start_ns from run)) // 3600000000000, null, cast(correct as integer)
    from graded join telemetry on telemetry.seq = graded.telemetry_seq
),
learning as (
    select (time_ns - (select start_ns from run)) // 3600000000000 as hour, count(*) as learned_count
    from learned
    group by all
)
select
    hour,
    count(confidence) as detection_count,
    round(avg(confidence), 4) as mean_confidence,
    count(correct) as labelled_count,
    round(avg(correct), 4) as accuracy,
    coalesce(any_value(learned_count), 0) as learned_count
from hours left join learning using (hour)
group by hour
order by hour;
