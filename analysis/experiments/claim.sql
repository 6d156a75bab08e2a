-- title: Does it learn?
-- grain: one row: the treatment less the baseline, accuracy of all labelled telemetry
-- columns:
--   treatment, baseline  the two arms
--   pair_count           seeds that both have
--   difference           mean over the seeds
--   low, high            its 95 % interval by Student's t; null with fewer than two seeds
--   excludes_zero        whether 0 is outside of the interval; null without one
--   is_above_zero        whether the whole interval is above 0: the only ground for a claim, and not enough
--                        for one if the arms had other records or an invariant does not hold in a run; never
--                        if the seeds do not differ at all, since then they say nothing about chance
--   same_records         whether every arm was given the same records and labels, seed by seed
with means as (
    select
        count(difference) as pair_count,
        avg(difference) as mean_difference,
        stddev_samp(difference) / sqrt(count(difference)) as standard_error
    from differences
    where arm = getvariable('treatment') and measure = 'accuracy' and part = 'all'
),
paired as (
    select pair_count, mean_difference, t_quantile(pair_count) * standard_error as half_width
    from means
),
streams as (
    select coalesce(max(stream_count), 0) = 1 as same_records
    from (select count(distinct stream) as stream_count from run_figures group by seed)
)
select
    getvariable('treatment') as treatment,
    getvariable('baseline') as baseline,
    pair_count,
    round(mean_difference, 5) as difference,
    round(mean_difference - half_width, 5) as low,
    round(mean_difference + half_width, 5) as high,
    abs(mean_difference) > half_width as excludes_zero,
    coalesce(half_width > 0 and mean_difference > half_width, false) as is_above_zero,
    same_records
from paired cross join streams;
