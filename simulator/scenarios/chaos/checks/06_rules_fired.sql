-- title: Rules that fired
-- level: performance
-- target: at least half of the rules that are part of the run
-- A rule with a small rate may rarely have an opportunity.

-- :population
select count(*) from fault_rules;

-- :measure
select avg(cast(fired_count > 0 as integer)) as value, 0.5 as target, value >= 0.5 as passed from fault_rules;

-- :finding
select printf('%d of %d rules, %d faults', count_if(fired_count > 0), count(*), sum(fired_count)::bigint)
    || coalesce('; not ' || string_agg(rule, ', ' order by rule) filter (where fired_count = 0), '')
from fault_rules;
