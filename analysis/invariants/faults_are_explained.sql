-- title: Faults are explained
-- level: mandatory
-- target: each crash, refusal and copy has its fault, and each fault its rule, counted as often as it fired
-- A crash that no rule made is a violation unless the run failed of it and says so.

-- :population
select count(*) from events;

-- :violations
select crashes.seq, crashes.agent as subject, 'crashed, and no rule made it: ' || crashes.reason as problem
from crashes
where rule is null and (select status from run) != 'failed'
union all
select faults.seq, rule, printf('%s fired after all was healed', kind)
from faults
left join (select distinct commit_seq, started_ns from receipts where source != 'sequencer') as handling
    using (commit_seq)
left join (select seq - 1 as seq, source as target, finished_ns from receipts) as answer using (seq, target)
cross join (
    select min(seq) as seq, min(time_ns) as time_ns from events where type = 'faults.healed'
) as healed
-- What befell an attempt is told when it ends, and what held up its answer when that is through.
where case
    when handling.commit_seq is not null then handling.started_ns >= healed.time_ns
    when answer.seq is not null then answer.finished_ns >= healed.time_ns
    else faults.seq > healed.seq
end
union all
select null, rule, printf('fired %d times, counted %d', fired_count, coalesce(counted_count, 0))
from fault_rules
where fired_count is distinct from counted_count
    and (counted_count is not null or (select status from run) = 'completed')
union all
select seq, source, printf('a copy of event %d, and no fault made one', event_seq)
from receipts
where outcome = 'deduplicated'
    and event_seq not in (select event_seq from faults where event_seq is not null)
    and event_seq not in (select event_seq from redeliveries)
union all
select min(seq), type, printf('%d times', count(*))
from events
where type in ('faults.healed', 'faults.counted')
group by type
having count(*) > 1
order by all;
