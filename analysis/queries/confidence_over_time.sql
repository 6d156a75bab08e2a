-- title: Confidence, detection by detection
-- grain: one row per published detection
-- columns:
--   seq
--   elapsed_hours    hours since the start
--   kind
--   confidence       0 to 1
--   mean_confidence  0 to 1, of the last ten detections, this one included
select
    seq,
    hours(time_ns - start_ns) as elapsed_hours,
    kind,
    confidence,
    round(avg(confidence) over (order by seq rows 9 preceding), 6) as mean_confidence
from decisions
cross join (select start_ns from run)
where published
order by seq;
