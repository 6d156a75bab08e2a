-- sample_times: the moments that snapshots are about.
-- Grain: one row per moment that the run reached, from its start, and purpose.
-- Columns:
--   purpose     snapshot (costs and patterns) or metrics
--   elapsed_ns  nanoseconds since the start, a multiple of the interval, less than the run's duration
--   time_ns     nanoseconds since the Unix epoch
create view sample_times as
select purpose, elapsed_ns, start_ns + elapsed_ns as time_ns
from (
    select
        start_ns,
        purpose,
        -- Intervals of less than a second would share a file name.
        unnest(
            range(0, least(duration_ns, run.elapsed_ns + 1), greatest(interval_ns, 1000000000))
        ) as elapsed_ns
    from run,
        lateral (values ('snapshot', snapshot_interval_ns), ('metrics', metrics_interval_ns))
        as purposes(purpose, interval_ns)
);
