-- title: Confidence and accuracy, hour by hour
-- grain: one row per hour of the run with a detection or a labelled decision
-- Prequential: every answer counts as it was given, before any feedback about it could come.
-- columns:
--   hour              hours since the start, whole
--   detection_count   detections published
--   mean_confidence   0 to 1, of these; null if there were none
--   labelled_count    labelled telemetry of this hour, noise included
--   accuracy          0 to 1, of these: what was missed counts as wrong; null without labels
--   rolling_accuracy  0 to 1, of the last 200 labelled telemetry events up to the end of this hour, or of all
--                     so far if there are fewer; null without labels
--   learned_count     changes of the pattern memory in this hour
with answers as (
    select
        (telemetry.time_ns - (select start_ns from run)) // 3600000000000 as hour,
        telemetry.seq,
        cast(correct as integer) as correct,
        avg(cast(correct as integer)) over (
            order by telemetry.seq rows between 199 preceding and current row
        ) as rolling_accuracy
    from graded join telemetry on telemetry.seq = graded.telemetry_seq
),
hours as (
    select
        (time_ns - (select start_ns from run)) // 3600000000000 as hour,
        null as seq,
        confidence,
        null as correct,
        null as rolling_accuracy
    from decisions
    where published
    union all
    select hour, seq, null, correct, rolling_accuracy
    from answers
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
    round(arg_max(rolling_accuracy, seq), 4) as rolling_accuracy,
    coalesce(any_value(learned_count), 0) as learned_count
from hours left join learning using (hour)
group by hour
order by hour;
