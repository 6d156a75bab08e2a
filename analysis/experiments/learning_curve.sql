-- title: Accuracy along the run, answered before it was told
-- grain: one row per arm and block of 100 labelled telemetry events that every run has in full
-- columns:
--   arm
--   position       of the last record of the block
--   run_count      runs of the arm
--   accuracy       0 to 1, of the block, mean over the runs
--   low, high      0 to 1, the 95 % interval of that mean by Student's t; null with fewer than two runs
--   rolling        0 to 1, of the records of this block and the four before it, mean over the runs
--   rolling_count  how many records these are: 500, or fewer where the run begins
--   rolling_low, rolling_high  0 to 1, its 95 % interval
with blocks as (
    select
        arm,
        seed,
        block,
        max(position) as position,
        sum(correct) as correct_count,
        count(*) as answer_count
    from answers
    group by all
),
whole as (
    -- The last block of a run is short; so are all behind the last whole block of the shortest run.
    select block
    from blocks
    group by block
    having count(*) = (select count(*) from counts) and min(answer_count) = 100
),
rolled as (
    select
        *,
        correct_count / answer_count as accuracy,
        sum(correct_count) over lately / sum(answer_count) over lately as rolling,
        sum(answer_count) over lately as rolling_count
    from blocks semi join whole using (block)
    window lately as (partition by arm, seed order by block rows between 4 preceding and current row)
),
means as (
    select
        arm,
        block,
        any_value(position) as position,
        count(*) as run_count,
        avg(accuracy) as accuracy,
        stddev_samp(accuracy) / sqrt(count(*)) as standard_error,
        avg(rolling) as rolling,
        any_value(rolling_count)::bigint as rolling_count,
        stddev_samp(rolling) / sqrt(count(*)) as rolling_error
    from rolled
    group by all
)
-- An interval by Student's t may reach beyond what a share can be, and is cut off there.
select
    arm,
    position,
    run_count,
    round(accuracy, 5) as accuracy,
    round(as_share(accuracy - t_quantile(run_count) * standard_error), 5) as low,
    round(as_share(accuracy + t_quantile(run_count) * standard_error), 5) as high,
    round(rolling, 5) as rolling,
    rolling_count,
    round(as_share(rolling - t_quantile(run_count) * rolling_error), 5) as rolling_low,
    round(as_share(rolling + t_quantile(run_count) * rolling_error), 5) as rolling_high
from means
order by arm != getvariable('treatment'), arm != getvariable('baseline'), arm, block;
