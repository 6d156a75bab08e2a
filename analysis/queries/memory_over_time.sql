-- title: Memory of all processes together
-- grain: one row per bus time at which processes were sampled
-- columns:
--   elapsed_hours  hours since the start
--   process_count  processes sampled
--   memory_mb      megabytes (10^6 bytes) of resident memory, all processes
select hours(time_ns - start_ns) as elapsed_hours, process_count, round(rss_bytes / 1e6, 1) as memory_mb
from machine_samples
cross join (select start_ns from run)
order by time_ns;
