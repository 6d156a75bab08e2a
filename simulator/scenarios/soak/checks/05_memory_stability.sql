-- title: Memory stability
-- level: mandatory
-- target: less than 500 MB, all processes together, throughout
-- 1 MB is 10^6 bytes. A process that started and was never sampled is a violation: its memory is missing
-- from the sums.

-- :population
select count(*) from process_samples;

-- :violations
select time_ns, 'all processes' as subject, printf('%.1f MB', rss_bytes / 1e6) as problem
from machine_samples
where rss_bytes >= 500000000
union all
select time_ns, data ->> '$.agent', 'never sampled'
from observations
where type = 'process.started'
    and cast(data ->> '$.pid' as bigint) not in (select pid from process_samples)
order by all;

-- :finding
select printf('max %.1f MB in %d processes', max(rss_bytes) / 1e6, max(process_count)) from machine_samples;
