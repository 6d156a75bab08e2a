-- title: The twenty slowest handlings
-- grain: one row per attempt, at most twenty
-- columns:
--   event_seq, event_type      what was delivered
--   agent, queue, attempt, outcome
--   elapsed                    HH:MM:SS since the start, when it began
--   wait_ms, service_ms        milliseconds waiting and working
with slowest as (
    select seq from deliveries
    where service_ns is not null
    order by service_ns desc, seq
    limit 20
)
select
    event_seq,
    handled.type as event_type,
    agent,
    deliveries.queue,
    attempt,
    outcome,
    clock(started_ns - start_ns) as elapsed,
    ms(wait_ns) as wait_ms,
    ms(service_ns) as service_ms
from slowest
join deliveries using (seq)
cross join (select start_ns from run)
join events as handled on handled.seq = event_seq
order by service_ns desc, slowest.seq;
