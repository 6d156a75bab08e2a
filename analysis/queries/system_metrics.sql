-- title: The machine and the queues at each sample
-- grain: one row per metrics interval that the run reached, from 0
-- columns:
--   elapsed_ns     nanoseconds since the start
--   timestamp      UTC
--   cpu_percent    processor time of all processes per wall time since the sample before, 100 is one core;
--                  null if not sampled
--   memory_mb      megabytes (10^6 bytes) of resident memory, all processes; null if not sampled
--   disk_read_mb, disk_write_mb  megabytes so far, all processes; null if not sampled
--   queues         deliveries pending by queue, as a map; from the last metrics.sampled
with samples as (
    select elapsed_ns, time_ns from sample_times where purpose = 'metrics'
),
depths as (
    select time_ns, map_from_entries(list((queue, depth) order by queue)) as queues
    from queue_depths
    group by time_ns
),
machine as (
    select
        samples.elapsed_ns,
        samples.time_ns as moment_ns,
        round(100.0 * cpu_ns / nullif(wall_ns, 0), 1) as cpu_percent,
        round(rss_bytes / 1e6, 1) as memory_mb,
        round(read_bytes / 1e6, 1) as disk_read_mb,
        round(write_bytes / 1e6, 1) as disk_write_mb
    from samples
    asof left join machine_samples on machine_samples.time_ns <= samples.time_ns
)
select
    elapsed_ns,
    utc(moment_ns) as timestamp,
    cpu_percent,
    memory_mb,
    disk_read_mb,
    disk_write_mb,
    queues
from machine
asof left join depths on depths.time_ns <= moment_ns
order by elapsed_ns;
