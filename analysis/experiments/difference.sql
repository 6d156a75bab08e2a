-- title: Each arm less the baseline, paired by seed
-- grain: one row per arm that is not the baseline, measure and part of the run
-- columns:
--   arm
--   measure        accuracy or balanced accuracy
--   part           `all`, or `q1` to `q4` for the quarters
--   pair_count     seeds that both arms have
--   difference     mean over the seeds
--   low, high      the 95 % interval of the mean by Student's t; null with fewer than two seeds
--   excludes_zero  whether 0 is outside of it; null without an interval
with means as (
    select
        arm,
        measure,
        part,
        count(difference) as pair_count,
        avg(difference) as mean_difference,
        stddev_samp(difference) / sqrt(count(difference)) as standard_error
    from differences
    group by all
)
select
    arm,
    measure,
    part,
    pair_count,
    round(mean_difference, 5) as difference,
    round(mean_difference - t_quantile(pair_count) * standard_error, 5) as low,
    round(mean_difference + t_quantile(pair_count) * standard_error, 5) as high,
    abs(mean_difference) > t_quantile(pair_count) * standard_error as excludes_zero
from means
order by arm != getvariable('treatment'), arm, measure, part;
