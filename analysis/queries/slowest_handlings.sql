-- title: The twenty slowest handlings
-- grain: one row per attempt, at most twenty
-- columns:
--   event_seq, event_type      what was delivered
--   agent, queue, attempt, outcome
--   elapsed                    HH:MM:SS since the start, when it began
--   wait_ms, service_ms        milliseconds waiting and working
with attempts as (
    select
        seq,
        cast(data ->> '$.finished_ns' as bigint) - cast(data ->> '$.started_ns' as bigint) as service_ns
    from events
    where type in ('delivery.acknowledged', 'delivery.failed')
),
slowest as (
    select seq, service_ns from attempts order by service_ns desc, seq limit 20
),
-- Only now, for twenty rows, the rest of the body is read.
chosen as (
    select events.*, service_ns from slowest join events using (seq)
)
select
    chosen.causation_seq as event_seq,
    handled.type as event_type,
    chosen.source as agent,
    chosen.data ->> '$.queue' as queue,
    cast(chosen.data ->> '$.attempt' as bigint) as attempt,
    chosen.type[10:] as outcome,
    clock(cast(chosen.data ->> '$.started_ns' as bigint) - start_ns) as elapsed,
    ms(
        cast(chosen.data ->> '$.started_ns' as bigint) - cast(chosen.data ->> '$.arrived_ns' as bigint)
    ) as wait_ms,
    ms(service_ns) as service_ms
from chosen
cross join (select start_ns from run)
join events as handled on handled.seq = chosen.causation_seq
order by service_ns desc, chosen.seq;
