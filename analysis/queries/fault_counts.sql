-- title: What each fault rule did, and what followed
-- grain: one row per rule that was part of the run
-- columns:
--   rule, kind        of the scenario
--   fired_count       firings on the log
--   first_elapsed, last_elapsed  HH:MM:SS since the start; null if it never fired
--   event_count       different events that it hit
--   handled_count, dead_letter_count  of those events: acknowledged in the end, and given up
--   redelivered_count, copy_count     times those events were sent again, and copies of them without effect
--   crash_count       crashes that it made
--   back_after_s      seconds until the agent was back, on average; null if the rule took none away
with settled as (
    select
        causation_seq as event_seq,
        count_if(type = 'delivery.acknowledged') as handled_count,
        count_if(type = 'delivery.dead_lettered') as dead_letter_count,
        count_if(type = 'delivery.redelivered') as redelivered_count,
        count_if(type = 'delivery.deduplicated') as copy_count
    from events
    where causation_seq in (select event_seq from faults)
        and type in (
            'delivery.acknowledged', 'delivery.dead_lettered', 'delivery.redelivered',
            'delivery.deduplicated'
        )
    group by causation_seq
),
hits as (
    select
        rule,
        kind,
        count(*) as event_count,
        cast(sum(handled_count) as bigint) as handled_count,
        cast(sum(dead_letter_count) as bigint) as dead_letter_count,
        cast(sum(redelivered_count) as bigint) as redelivered_count,
        cast(sum(copy_count) as bigint) as copy_count
    from (select distinct rule, kind, event_seq from faults where event_seq is not null)
    left join settled using (event_seq)
    group by rule, kind
),
firings as (
    select rule, kind, min(time_ns) as first_ns, max(time_ns) as last_ns from faults group by rule, kind
),
absences as (
    select rule, kind, avg(up_ns - frozen_ns) as away_ns from outages group by rule, kind
),
crashed as (
    select rule, kind, count(*) as crash_count from crashes where rule is not null group by rule, kind
)
select
    rule,
    kind,
    fired_count,
    clock(first_ns - start_ns) as first_elapsed,
    clock(last_ns - start_ns) as last_elapsed,
    coalesce(event_count, 0) as event_count,
    coalesce(handled_count, 0) as handled_count,
    coalesce(dead_letter_count, 0) as dead_letter_count,
    coalesce(redelivered_count, 0) as redelivered_count,
    coalesce(copy_count, 0) as copy_count,
    coalesce(crash_count, 0) as crash_count,
    seconds(away_ns) as back_after_s
from fault_rules
cross join (select start_ns from run)
left join hits using (rule, kind)
left join firings using (rule, kind)
left join absences using (rule, kind)
left join crashed using (rule, kind)
order by rule;
