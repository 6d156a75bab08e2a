-- title: Memory stability
-- level: mandatory
-- target: less than 500 MB, all processes together, throughout
-- 1 MB is 10^6 bytes. A process that was there when samples were taken and was not sampled is a violation:
-- its memory is missing from the sums.

-- :population
select count(*) from process_samples;

-- :violations
with lives as (
    select
        time_ns,
        data ->> '$.agent' as agent,
        cast(data ->> '$.pid' as bigint) as pid,
        -- Who is started again was gone, whether or not its end was seen.
        lead(time_ns) over (partition by data ->> '$.agent' order by seq) as next_ns
    from observations
    where type = 'process.started'
),
ends as (
    select cast(data ->> '$.pid' as bigint) as pid, max(time_ns) as exit_ns
    from observations
    where type = 'process.exited'
    group by all
)
select time_ns, 'all processes' as subject, printf('%.1f MB', rss_bytes / 1e6) as problem
from machine_samples
where rss_bytes >= 500000000
union all
select lives.time_ns, lives.agent, 'never sampled'
from lives
left join ends using (pid)
where lives.pid not in (select pid from process_samples)
    and exists (
        from process_samples
        where process_samples.time_ns > lives.time_ns
            and process_samples.time_ns < coalesce(least(next_ns, exit_ns), 9223372036854775807)
    )
order by all;

-- :finding
select printf('max %.1f MB in %d processes', max(rss_bytes) / 1e6, max(process_count)) from machine_samples;
