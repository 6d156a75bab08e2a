-- machine_samples: all processes of the run together.
-- Grain: one row per bus time at which processes were sampled.
-- Columns:
--   rss_bytes                sum of resident memory
--   cpu_ns                   processor time used since the sample before, nanoseconds; null for the first,
--                            0 where a process was started anew and counts from the start
--   wall_ns                  wall time since the sample before, nanoseconds; null for the first
--   read_bytes, write_bytes  disk traffic of all processes so far
create view machine_samples as
select
    time_ns,
    process_count,
    rss_bytes,
    if(
        total_cpu_ns < lag(total_cpu_ns) over (order by time_ns),
        0,
        total_cpu_ns - lag(total_cpu_ns) over (order by time_ns)
    ) as cpu_ns,
    wall_ns - lag(wall_ns) over (order by time_ns) as wall_ns,
    read_bytes,
    write_bytes
from (
    select
        time_ns,
        count(*) as process_count,
        cast(sum(rss_bytes) as bigint) as rss_bytes,
        cast(sum(cpu_ns) as bigint) as total_cpu_ns,
        max(wall_ns) as wall_ns,
        cast(sum(read_bytes) as bigint) as read_bytes,
        cast(sum(write_bytes) as bigint) as write_bytes
    from (
        -- A run that was taken up again samples a moment again, and by other processes.
        select *
        from process_samples
        qualify row_number() over (partition by time_ns, agent order by seq desc) = 1
    )
    group by time_ns
);
