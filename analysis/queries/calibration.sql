-- title: How sure, and how often right
-- grain: one row per tenth of confidence in which there are labelled answers
-- columns:
--   confidence_from    0 to 0.9, where the bin begins; it ends a tenth higher, and the last holds 1
--   answer_count       labelled telemetry that WITNESS decided on
--   mean_confidence    0 to 1, in the likeliest kind, or in `none`, whether or not it was published
--   accuracy           0 to 1, how often the likeliest was the label
--   gap                accuracy less mean confidence; above 0 is too modest
--   calibration_error  0 to 1, expected calibration error of all bins: the mean size of the gap, weighted by
--                      the number of answers; the same in every row
with bins as (
    select
        least(floor(confidence * 10), 9) as bin,
        count(*) as answer_count,
        avg(confidence) as mean_confidence,
        avg(cast(kind = label as integer)) as accuracy
    from graded
    where confidence is not null
    group by bin
)
select
    round(bin / 10, 1) as confidence_from,
    answer_count,
    round(mean_confidence, 4) as mean_confidence,
    round(accuracy, 4) as accuracy,
    round(accuracy - mean_confidence, 4) as gap,
    round(sum(abs(accuracy - mean_confidence) * answer_count) over () / sum(answer_count) over (), 4)
    as calibration_error
from bins
order by bin;
