-- run: the run as a whole.
-- Grain: one row, or none if the log does not begin with run.started.
-- Columns:
--   start_ns, end_ns       first and last moment on the log, nanoseconds since the Unix epoch
--   duration_ns            how long it was to last; elapsed_ns: how long it did
--   *_interval_ns          nanoseconds
--   budget_nanousd         nano-US-dollars
--   status, reason         of run.finished; `unfinished` if there is none
create view run as
select
    started.data ->> '$.scenario' as scenario,
    cast(started.data ->> '$.seed' as bigint) as seed,
    cast(started.data ->> '$.start_ns' as bigint) as start_ns,
    log.end_ns,
    cast(started.data ->> '$.duration_ns' as bigint) as duration_ns,
    log.end_ns - cast(started.data ->> '$.start_ns' as bigint) as elapsed_ns,
    cast(started.data ->> '$.budget_nanousd' as bigint) as budget_nanousd,
    cast(started.data ->> '$.event_interval_ns' as bigint) as event_interval_ns,
    cast(started.data ->> '$.snapshot_interval_ns' as bigint) as snapshot_interval_ns,
    cast(started.data ->> '$.metrics_interval_ns' as bigint) as metrics_interval_ns,
    cast(started.data ->> '$.heartbeat_interval_ns' as bigint) as heartbeat_interval_ns,
    started.data ->> '$.scenario_sha256' as scenario_sha256,
    coalesce(finished.data ->> '$.status', 'unfinished') as status,
    coalesce(finished.data ->> '$.reason', '') as reason,
    log.event_count
from (select data from events where type = 'run.started' order by seq limit 1) as started
cross join (select max(time_ns) as end_ns, count(*) as event_count from events) as log
left join (select data from events where type = 'run.finished' order by seq desc limit 1) as finished on true;
