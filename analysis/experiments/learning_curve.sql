-- title: Accuracy along the run, answered before it was told
-- grain: one row per arm and block of 100 labelled telemetry events
-- columns:
--   arm
--   position       of the last record of the block; the longest run's, where runs differ
--   run_count      runs that have the block
--   accuracy       0 to 1, of the block, mean over the runs
--   low, high      the 95 % interval of that mean by Student's t; null with fewer than two runs
--   rolling        0 to 1, accuracy of this block and the four before it, mean over the runs
--   rolling_low, rolling_high  its 95 % interval
with blocks as (
    select arm, seed, block, max(position) as position, avg(correct) as accuracy
    from answers
    group by all
),
rolled as (
    select
        *,
        avg(accuracy) over (
            partition by arm, seed order by block rows between 4 preceding and current row
        ) as rolling
    from blocks
),
means as (
    select
        arm,
        block,
        max(position) as position,
        count(*) as run_count,
        avg(accuracy) as accuracy,
        stddev_samp(accuracy) / sqrt(count(*)) as standard_error,
        avg(rolling) as rolling,
        stddev_samp(rolling) / sqrt(count(*)) as rolling_error
    from rolled
    group by all
)
select
    arm,
    position,
    run_count,
    round(accuracy, 5) as accuracy,
    round(accuracy - t_quantile(run_count) * standard_error, 5) as low,
    round(accuracy + t_quantile(run_count) * standard_error, 5) as high,
    round(rolling, 5) as rolling,
    round(rolling - t_quantile(run_count) * rolling_error, 5) as rolling_low,
    round(rolling + t_quantile(run_count) * rolling_error, 5) as rolling_high
from means
order by arm != getvariable('treatment'), arm != getvariable('baseline'), arm, block;
