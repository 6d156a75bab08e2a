-- alerts: what an operator would have been told.
-- Grain: one row per alert. A condition that lasts is told once, when it begins.
-- Columns:
--   time_ns      moment of the alert, nanoseconds since the Unix epoch
--   alert        agent_crash, injected_crash, memory_leak, queue_backlog, detection_failure, cost_spike,
--                storage_error, model_timeout, budget, limit_reached, publication_refused, peer_refused
--   level        warning or error
--   subject      the agent, queue, model or limit
--   value, limit_value, unit   what was measured against what
-- Sources: agent_crash: agent.crashed that no fault rule made, or no heartbeat for three intervals.
-- injected_crash: agent.crashed by a rule. memory_leak: the largest memory of all processes in an hour of
-- bus time is more than 10 % above the hour before. queue_backlog: told by the first sample after it began.
-- detection_failure: of the telemetry labelled with a kind, fewer than 80 % led to a detection, counted from
-- the tenth on. storage_error: the run ended as failed, or bytes were cut off its log.
create view alerts as
with hours as (
    select
        (machine_samples.time_ns - run.start_ns) // 3600000000000 as hour,
        max(rss_bytes) as rss_bytes,
        arg_max(machine_samples.time_ns, rss_bytes) as time_ns
    from machine_samples cross join run
    group by all
),
detection_rate as (
    select
        time_ns,
        count(*) over labelled_so_far as labelled_count,
        avg(found) over labelled_so_far as rate
    from (
        select telemetry_seq, time_ns, cast(published as integer) as found
        from graded
        where label != 'none' and predicted != 'undecided'
    )
    window labelled_so_far as (order by telemetry_seq rows unbounded preceding)
),
spending as (
    select
        seq,
        time_ns,
        sum(cost_nanousd) over (
            order by time_ns range between 3600000000000 preceding and current row
        ) as hour_nanousd
    from model_calls
),
found as (
    select
        time_ns,
        if(rule is null, 'agent_crash', 'injected_crash') as alert,
        if(rule is null, 'error', 'warning') as level,
        agent || coalesce(' by rule ' || rule, '') as subject,
        1.0 as value,
        0.0 as limit_value,
        'crashes' as unit
    from crashes
    union all
    select noticed_ns, 'agent_crash', 'error', agent, seconds(duration_ns), null, 's without heartbeat'
    from silences
    union all
    select time_ns, 'memory_leak', 'warning', 'all processes',
        round(100.0 * rss_bytes / before_bytes - 100, 1), 10.0, '% growth in an hour'
    from (select *, lag(rss_bytes) over (order by hour) as before_bytes from hours)
    where rss_bytes > 1.1 * before_bytes
    union all
    select time_ns, 'queue_backlog', 'warning', queue, depth_max, 50, 'pending'
    from (select *, lag(depth, 1, 0) over (partition by queue order by seq) as depth_before from queue_depths)
    where depth_max > 50 and depth_before <= 50
    union all
    select time_ns, 'detection_failure', 'error', 'witness', round(100 * rate, 1), 80, '% detected'
    from (
        select *, lag(rate, 1, 1) over (order by time_ns, labelled_count) as rate_before
        from detection_rate
    )
    where labelled_count >= 10 and rate < 0.8 and (rate_before >= 0.8 or labelled_count = 10)
    union all
    select time_ns, 'cost_spike', 'warning', 'all agents', usd(hour_nanousd), 0.5, 'USD in an hour'
    from (select *, lag(hour_nanousd, 1, 0) over (order by time_ns, seq) as hour_before_nanousd from spending)
    where hour_nanousd > 500000000 and hour_before_nanousd <= 500000000
    union all
    select end_ns, 'storage_error', 'error', reason, 1, 0, 'failed runs'
    from run
    where status = 'failed'
    union all
    select time_ns, 'storage_error', 'warning', reason, cut_bytes, 0, 'bytes cut off'
    from resumptions
    where what = 'recovered'
    union all
    select time_ns, 'model_timeout', 'error', request_model, latency_ns / 1e9, 30, 's'
    from model_calls
    where status = 'timeout' or latency_ns > 30000000000
    union all
    select time_ns, 'budget', if(cast(data ->> '$.percent' as bigint) >= 100, 'error', 'warning'),
        'all agents',
        usd(cast(data ->> '$.spent_nanousd' as bigint)),
        usd(cast(data ->> '$.budget_nanousd' as bigint)) * cast(data ->> '$.percent' as bigint) / 100, 'USD'
    from events where type = 'budget.threshold_crossed'
    union all
    select time_ns, 'limit_reached', 'warning', (data ->> '$.limit') || ' of ' || (data ->> '$.subject'),
        null, cast(data ->> '$.limit_value' as bigint), ''
    from events where type = 'limit.reached'
    union all
    select time_ns, 'publication_refused', 'error',
        (data ->> '$.agent') || ' wanting ' || (data ->> '$.published_type'), 1, 0, 'publications'
    from events where type = 'publication.refused'
    union all
    select time_ns, 'peer_refused', 'error', (data ->> '$.agent') || ': ' || (data ->> '$.reason'), 1, 0,
        'peers'
    from observations where type = 'peer.refused'
)
select
    time_ns,
    alert,
    level,
    subject,
    cast(value as double) as value,
    cast(limit_value as double) as limit_value,
    unit
from found;
