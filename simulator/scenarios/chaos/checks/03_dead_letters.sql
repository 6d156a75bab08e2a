-- title: Dead letters
-- level: mandatory
-- target: none but those whose cause is on the log
-- attempts_max: that many attempts failed. queue_full: limit.reached stands beside it. redeliveries_max:
-- faults hit it again and again.

-- :population
select count(*) from events;

-- :violations
select letters.seq, letters.queue as subject,
    printf('event %d: %s, and nothing on the log shows it', letters.event_seq, letters.cause) as problem
from (select * from deliveries where outcome = 'dead_lettered') as letters
left join (
    select event_seq, count(*) as failed_count
    from deliveries
    where outcome = 'failed'
    group by event_seq
) as failures using (event_seq)
left join (
    select causation_seq as event_seq, data ->> '$.limit' as limit_name
    from events
    where type = 'limit.reached'
) as told using (event_seq)
where case letters.cause
    when 'attempts_max' then coalesce(failed_count, 0) != attempt - 1
    when 'queue_full' then limit_name is distinct from 'queue_depth_max'
    when 'redeliveries_max' then letters.event_seq not in (
        select event_seq from faults where event_seq is not null
    )
    else true
end
order by all;

-- :finding
select coalesce(string_agg(printf('%d %s', letter_count, cause), ', ' order by cause), 'none')
from (
    select cause, count(*) as letter_count from deliveries where outcome = 'dead_lettered' group by cause
);
