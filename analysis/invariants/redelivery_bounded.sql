-- title: Redelivery is bounded
-- level: mandatory
-- target: redeliveries are numbered, within their bound, have a reason, and stop when the event is settled

-- :population
select count(*) from events;

-- :violations
with settled as (
    select event_seq, min(seq) as settled_seq
    from receipts
    where outcome in ('acknowledged', 'dead_lettered')
    group by event_seq
),
numbered as (
    select
        *,
        -- What a link lost and what an agent held that crashed are counted apart.
        row_number() over (partition by event_seq, reason = 'agent restarted' order by seq) as number
    from redeliveries
)
select numbered.seq, numbered.queue as subject,
    case
        when published.queue is distinct from numbered.queue then 'the event was not on that queue'
        when redelivery != number then printf('redelivery %d has the number %d', number, redelivery)
        when settled_seq < numbered.seq then printf('event %d was settled', numbered.event_seq)
        when limit_value < redelivery then printf('redelivery %d of at most %d', redelivery, limit_value)
        else printf('no fault hit event %d and no agent came back', numbered.event_seq)
    end as problem
from numbered
left join events as published on published.seq = numbered.event_seq
left join settled using (event_seq)
left join limits
    on limits.limit_name = 'redeliveries_max'
    and limits.subject = numbered.queue
    and reason != 'agent restarted'
left join consumers on consumers.queue = numbered.queue
where published.queue is distinct from numbered.queue
    or redelivery != number
    or settled_seq < numbered.seq
    or limit_value < redelivery
    or not (
        exists (
            from faults where faults.event_seq = numbered.event_seq and faults.seq < numbered.seq
        )
        or exists (
            from outages where outages.agent = consumers.agent and outages.up_seq < numbered.seq
        )
    )
union all
select seq, queue, printf('given up after %d redeliveries, bound %d', redelivered_count, limit_value)
from (
    select receipts.seq, receipts.queue, count(redeliveries.seq) as redelivered_count
    from receipts
    left join redeliveries
        on redeliveries.event_seq = receipts.event_seq and redeliveries.reason != 'agent restarted'
    where receipts.cause = 'redeliveries_max'
    group by all
) as given_up
join limits on limits.limit_name = 'redeliveries_max' and limits.subject = given_up.queue
where redelivered_count < limit_value
order by all;
