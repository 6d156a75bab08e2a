-- title: Events that were sent again
-- grain: one row per event that was redelivered, in order
-- columns:
--   event_seq, event_type, queue
--   redelivery_count          times it was sent again
--   reasons                   why, each reason once
--   published_at, settled_at  HH:MM:SS since the start; settled_at is null if it is still pending
--   outcome                   acknowledged, dead_lettered or pending
--   delay_s                   seconds from published to settled
with sent_again as (
    select
        event_seq,
        queue,
        count(*) as redelivery_count,
        string_agg(distinct reason, '; ' order by reason) as reasons
    from redeliveries
    group by event_seq, queue
),
settled as (
    select event_seq, min(time_ns) as settled_ns, min_by(outcome, seq) as outcome
    from deliveries
    where outcome != 'failed' and event_seq in (select event_seq from sent_again)
    group by event_seq
)
select
    event_seq,
    published.type as event_type,
    sent_again.queue,
    redelivery_count,
    reasons,
    clock(published.time_ns - start_ns) as published_at,
    clock(settled_ns - start_ns) as settled_at,
    coalesce(outcome, 'pending') as outcome,
    seconds(settled_ns - published.time_ns) as delay_s
from sent_again
cross join (select start_ns from run)
join events as published on published.seq = sent_again.event_seq
left join settled using (event_seq)
order by event_seq;
