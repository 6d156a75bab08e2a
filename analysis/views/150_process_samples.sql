-- process_samples: what each process used.
-- Grain: one row per process.sampled of the observations.
-- Columns:
--   time_ns                  bus time of the sample, nanoseconds since the Unix epoch
--   wall_ns                  wall clock at the sample, nanoseconds since the Unix epoch
--   rss_bytes                resident memory
--   cpu_ns                   user and system time so far, nanoseconds
--   read_bytes, write_bytes  disk traffic so far
create view process_samples as
select
    seq,
    time_ns,
    data ->> '$.agent' as agent,
    cast(data ->> '$.pid' as bigint) as pid,
    cast(data ->> '$.rss_bytes' as bigint) as rss_bytes,
    cast(data ->> '$.cpu_ns' as bigint) as cpu_ns,
    cast(data ->> '$.read_bytes' as bigint) as read_bytes,
    cast(data ->> '$.write_bytes' as bigint) as write_bytes,
    cast(data ->> '$.wall_ns' as bigint) as wall_ns
from observations
where type = 'process.sampled';
