-- title: Zero crashes
-- level: mandatory
-- target: 0 crashes
-- No agent crashed, went silent for more than three heartbeat intervals, never gave a sign of life, or was
-- missing at the end; no process ended with an error; the run did not fail. An interrupted run did not
-- crash.

-- :population
select count(*) from agents;

-- :violations
select time_ns, data ->> '$.agent' as subject, 'crashed: ' || (data ->> '$.reason') as problem
from events where type = 'agent.crashed'
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
select time_ns, data ->> '$.agent', 'exit code ' || (data ->> '$.exit_code')
from observations where type = 'process.exited' and cast(data ->> '$.exit_code' as bigint) != 0
union all
select end_ns, scenario, 'the run ended as ' || status || ': ' || reason
from run where status in ('failed', 'unfinished')
order by all;

-- :finding
select printf('%d crashes detected, %d agents', sum(crash_count), count(*)) from agents;
