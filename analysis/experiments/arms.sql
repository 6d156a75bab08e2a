-- title: The arms of the experiment
-- grain: one row per arm; every figure is the mean of its runs
-- columns:
--   arm
--   run_count          runs of the arm, one a seed
--   accuracy           0 to 1, of all labelled telemetry, answered before anything was told about it
--   q1, q2, q3, q4     0 to 1, the same of each quarter of the telemetry
--   balanced_accuracy  0 to 1, mean over the labels of how often what they label was answered rightly
--   balanced_q4        0 to 1, the same of the last quarter
--   alarm_precision    0 to 1, of the detections: about a record that is something
--   alarm_recall       0 to 1, of the records that are something: published
--   calibration_error  0 to 1, expected calibration error in ten bins, of the likeliest label
--   feedback_count     answers that came
--   confirmed_share    0 to 1, of these: how many say that the kind was there
--   learned_count      changes of the pattern memory
--   imported_count     patterns that the run began with, from another run
select
    arm,
    count(*) as run_count,
    round(avg(accuracy), 4) as accuracy,
    round(avg(q1), 4) as q1,
    round(avg(q2), 4) as q2,
    round(avg(q3), 4) as q3,
    round(avg(q4), 4) as q4,
    round(avg(balanced_accuracy), 4) as balanced_accuracy,
    round(avg(balanced_q4), 4) as balanced_q4,
    round(avg(alarm_precision), 4) as alarm_precision,
    round(avg(alarm_recall), 4) as alarm_recall,
    round(avg(calibration_error), 4) as calibration_error,
    round(avg(feedback_count), 1) as feedback_count,
    round(avg(confirmed_share), 4) as confirmed_share,
    round(avg(learned_count), 1) as learned_count,
    round(avg(imported_count), 1) as imported_count
from run_figures
join counts using (arm, seed)
group by arm
order by arm != getvariable('treatment'), arm != getvariable('baseline'), arm;
