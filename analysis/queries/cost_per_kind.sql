-- title: Cost of a cycle, by kind
-- grain: one row per kind; a cycle is a detection and everything that followed from the same telemetry
-- columns:
--   cycle_count                    detections published
--   mean_cost_usd, max_cost_usd    US dollars a cycle; null without cycles
--   expected_min_usd, expected_max_usd  the range that the test plan expects of a cycle
--   in_range                       the mean lies in the range; null without cycles
with expected(kind, position, expected_min_usd, expected_max_usd) as (
    values
        ('critical_error', 1, 0.05, 0.10),
        ('constitution_violation', 2, 0.02, 0.05),
        ('feature_request', 3, 0.00, 0.01),
        ('duplication', 4, 0.03, 0.06),
        ('flaky_test', 5, 0.02, 0.04)
),
cycles as (
    select kind, telemetry_seq, coalesce(sum(cost_nanousd), 0) as cost_nanousd
    from decisions
    left join (select correlation_seq, cost_nanousd from model_calls) as calls
        on calls.correlation_seq = decisions.telemetry_seq
    where published
    group by all
)
select
    kind,
    count(telemetry_seq) as cycle_count,
    usd(avg(cost_nanousd)) as mean_cost_usd,
    usd(max(cost_nanousd)) as max_cost_usd,
    expected_min_usd::double as expected_min_usd,
    expected_max_usd::double as expected_max_usd,
    avg(cost_nanousd) between expected_min_usd * 1e9 and expected_max_usd * 1e9 as in_range
from expected
left join cycles using (kind)
group by kind, position, expected_min_usd, expected_max_usd
order by position;
