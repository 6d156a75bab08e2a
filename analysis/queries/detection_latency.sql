-- title: From telemetry to decision
-- grain: one row
-- columns:
--   decision_count                  decisions of WITNESS
--   mean_ms, p50_ms, p95_ms, max_ms milliseconds of bus time; percentiles are values that occurred
select
    count(*) as decision_count,
    ms(avg(latency_ns)) as mean_ms,
    ms(quantile_disc(latency_ns, 0.5)) as p50_ms,
    ms(quantile_disc(latency_ns, 0.95)) as p95_ms,
    ms(max(latency_ns)) as max_ms
from detections;
