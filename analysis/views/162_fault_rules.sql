-- fault_rules: the fault rules that were part of the run.
-- Grain: one row per rule.
-- Columns:
--   counted_count  firings as the run counted them at its end; null if it has not counted, or not this rule
--   fired_count    firings on the log
create view fault_rules as
with counted as (
    select rule.rule as rule, rule.kind as kind, rule.fired_count as counted_count
    from (
        select unnest(
            from_json(data -> '$.rules', '[{"rule": "VARCHAR", "kind": "VARCHAR", "fired_count": "BIGINT"}]')
        ) as rule
        from (select data from events where type = 'faults.counted' order by seq desc limit 1)
    )
),
fired as (
    select rule, kind, count(*) as fired_count from faults group by rule, kind
)
select
    coalesce(counted.rule, fired.rule) as rule,
    coalesce(counted.kind, fired.kind) as kind,
    counted_count,
    coalesce(fired_count, 0) as fired_count
from counted
full join fired on fired.rule = counted.rule and fired.kind = counted.kind;
