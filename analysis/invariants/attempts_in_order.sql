-- title: Attempts in order
-- level: mandatory
-- target: attempts of a delivery are numbered 1, 2, ..., and only the last one settles it

-- :population
select count(*) from events;

-- :violations
with attempts as (
    select seq, event_seq, source, attempt, outcome
    from receipts
    where outcome in ('acknowledged', 'failed') or cause = 'attempts_max'
),
several as (
    -- Nearly all deliveries have one attempt, and that is numbered 1.
    select event_seq from attempts group by event_seq having count(*) > 1 or max(attempt) != 1
),
numbered as (
    select
        attempts.*,
        row_number() over (partition by event_seq order by seq) as number,
        count(*) over (partition by event_seq) as attempt_count
    from attempts
    semi join several using (event_seq)
)
select seq, source as subject,
    if(
        attempt != number,
        printf('attempt %d of event %d has the number %d', number, event_seq, attempt),
        printf('%s by attempt %d of %d', outcome, attempt, attempt_count)
    ) as problem
from numbered
where attempt != number or (outcome != 'failed' and number != attempt_count)
union all
select seq, source, printf('attempt %d of at most %d', attempt, limit_value)
from attempts
join limits on limits.limit_name = 'delivery_attempts_max' and limits.subject = attempts.source
where attempt > limit_value
union all
select seq, source, printf('given up after attempt %d of %d', attempt, limit_value)
from attempts
join limits on limits.limit_name = 'delivery_attempts_max' and limits.subject = attempts.source
where outcome = 'dead_lettered' and attempt < limit_value
order by all;
