-- run_figures: the figures of each run.
-- Grain: one row per run.
-- Columns: figures are null where there was nothing to count.
--   record_count         labelled telemetry
--   accuracy, q1 to q4   0 to 1, of all and of each quarter
--   balanced_accuracy    0 to 1, mean over the labels of how often what they label was answered rightly
--   balanced_q1 to _q4   the same, of each quarter
--   alarm_precision      0 to 1, of the detections: about a record that is something, of whatever kind
--   alarm_recall         0 to 1, of the records that are something: published, as whatever kind
--   calibration_error    0 to 1, expected calibration error in ten bins: how far the confidence in the
--                        likeliest label is from how often that label was right
--   stream               digest of the records and their labels, each with its position
create view run_figures as
with by_label as (
    select arm, seed, quarter, label, avg(correct) as recall
    from answers
    group by all
),
balanced as (
    select
        arm,
        seed,
        avg(recall) filter (where quarter = 1) as balanced_q1,
        avg(recall) filter (where quarter = 2) as balanced_q2,
        avg(recall) filter (where quarter = 3) as balanced_q3,
        avg(recall) filter (where quarter = 4) as balanced_q4
    from by_label
    group by all
),
balanced_whole as (
    select arm, seed, avg(recall) as balanced_accuracy
    from (select arm, seed, label, avg(correct) as recall from answers group by all)
    group by all
),
bins as (
    select
        arm,
        seed,
        least(floor(confidence * 10), 9) as bin,
        count(*) as answer_count,
        abs(avg(confidence) - avg(cast(kind = label as integer))) as gap
    from answers
    where confidence is not null
    group by all
),
calibration as (
    select arm, seed, sum(gap * answer_count) / sum(answer_count) as calibration_error
    from bins
    group by all
),
whole as (
    select
        arm,
        seed,
        count(*) as record_count,
        avg(correct) as accuracy,
        avg(correct) filter (where quarter = 1) as q1,
        avg(correct) filter (where quarter = 2) as q2,
        avg(correct) filter (where quarter = 3) as q3,
        avg(correct) filter (where quarter = 4) as q4,
        avg(cast(label != 'none' as integer)) filter (where published) as alarm_precision,
        avg(cast(published as integer)) filter (where label != 'none') as alarm_recall,
        bit_xor(md5_number_lower(concat_ws(' ', position, label, message_digest))) as stream
    from answers
    group by all
)
select *
from whole
join balanced_whole using (arm, seed)
join balanced using (arm, seed)
left join calibration using (arm, seed);
