-- title: One delivery at a time
-- level: mandatory
-- target: the attempts of an agent do not overlap

-- :population
select count(*) from events;

-- :violations
select seq, source as subject,
    printf('began %d ns before the attempt before it ended', busy_until_ns - started_ns) as problem
from (
    select
        seq,
        source,
        started_ns,
        lag(finished_ns) over (partition by source order by started_ns, seq) as busy_until_ns
    from receipts
    where started_ns > 0
)
where started_ns < busy_until_ns
order by all;
