-- title: Thresholds that near misses speak against
-- grain: one row per kind of which telemetry was dismissed although WITNESS thought of the right kind
-- columns:
--   kind
--   threshold        0 to 1, the highest in use
--   missed_count     telemetry labelled with the kind and dismissed, although the kind was the likeliest
--   candidate        0 to 1, a threshold just below the least confident of these, to two decimals
--   false_count      telemetry of another label that this threshold would have published as well
with dismissed as (
    select label, kind, confidence, threshold
    from graded
    where not published and kind != 'none'
),
missed as (
    select
        kind,
        max(threshold) as threshold,
        count(*) as missed_count,
        floor(min(confidence) * 100 - 1e-9) / 100 as candidate
    from dismissed
    where label = kind
    group by kind
)
select
    missed.kind,
    any_value(missed.threshold) as threshold,
    any_value(missed_count) as missed_count,
    any_value(candidate) as candidate,
    count_if(dismissed.label != dismissed.kind and dismissed.confidence > candidate) as false_count
from missed
join dismissed on dismissed.kind = missed.kind
group by missed.kind
order by missed.kind;
