-- title: Accuracy, telemetry by telemetry
-- grain: one row per telemetry labelled with a kind or taken for one; telemetry that is nothing and was
--   dismissed is left out, since it would drown the rest
-- columns:
--   telemetry_seq
--   elapsed_hours    hours since the start, of the decision
--   accuracy         0 to 1, of the last ten, this one included
--   accuracy_so_far  0 to 1, of all up to this one
select
    telemetry_seq,
    hours(time_ns - start_ns) as elapsed_hours,
    round(avg(cast(correct as integer)) over last_ten, 4) as accuracy,
    round(avg(cast(correct as integer)) over so_far, 4) as accuracy_so_far
from graded
cross join (select start_ns from run)
where (label != 'none' or published) and time_ns is not null
window
    last_ten as (order by telemetry_seq rows 9 preceding),
    so_far as (order by telemetry_seq rows unbounded preceding)
order by telemetry_seq;
