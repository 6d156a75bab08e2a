-- title: Zero crashes
-- level: mandatory
-- target: 0 crashes
-- No agent crashed, went silent for more than three heartbeat intervals, never gave a sign of life, or was
-- missing at the end; no process ended with an error; the run did not fail. An interrupted run did not
-- crash. What a fault rule of the scenario did to an agent on purpose does not count.

-- :population
select count(*) from agents;

-- :violations
select time_ns, agent as subject, 'crashed: ' || reason as problem
from crashes where rule is null
union all
select noticed_ns, agent, printf('silent for %.0f s', duration_ns / 1e9)
from silences
union all
select started_ns, agent, 'gave no heartbeat'
from agents cross join run
where heartbeat_count = 0 and heartbeat_interval_ns > 0 and end_ns - started_ns > 3 * heartbeat_interval_ns
union all
select end_ns, agent, 'never stopped'
from agents cross join run
where stopped_ns is null and status != 'interrupted'
union all
select time_ns, agent, 'exit code ' || exit_code
from (
    select
        time_ns,
        data ->> '$.agent' as agent,
        cast(data ->> '$.exit_code' as bigint) as exit_code
    from observations
    where type = 'process.exited'
)
where exit_code != 0
    -- A process that a rule ended was killed.
    and not (exit_code = -9 and agent in (select agent from outages))
union all
select end_ns, scenario, 'the run ended as ' || concat_ws(': ', status, nullif(reason, ''))
from run where status in ('failed', 'unfinished')
order by all;

-- :finding
-- What went down or silent: crashes, silences and processes that ended with an error.
select printf(
    '%d crashes detected, %d agents',
    (select count(*) from crashes where rule is null)
    + (select count(*) from silences)
    + (
        select count(*)
        from observations
        where type = 'process.exited'
            and cast(data ->> '$.exit_code' as bigint) != 0
            and not (
                cast(data ->> '$.exit_code' as bigint) = -9
                and data ->> '$.agent' in (select agent from outages)
            )
    ),
    (select count(*) from agents)
);
