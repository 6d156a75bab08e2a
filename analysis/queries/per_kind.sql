-- title: Precision and recall of each kind
-- grain: one row per kind, `none` included
-- columns:
--   support          telemetry labelled with this kind
--   predicted_count  labelled telemetry that WITNESS called this kind
--   correct_count    both
--   precision        0 to 1, correct of predicted; null if nothing was predicted
--   recall           0 to 1, correct of support; null without support
--   detected_count   detections of this kind published, labelled or not; for `none`, telemetry dismissed
--   mean_confidence  0 to 1, of those
with kinds as (
    select unnest([
        'critical_error', 'constitution_violation', 'feature_request', 'duplication', 'flaky_test', 'none'
    ]) as kind, generate_subscripts([1, 2, 3, 4, 5, 6], 1) as position
),
pairs as (
    select label, predicted, count(*) as pair_count from graded group by all
),
answers as (
    select predicted as kind, count(*) as detected_count, avg(confidence) as mean_confidence
    from decisions group by all
),
by_label as (
    select label as kind, sum(pair_count) as support,
        sum(pair_count) filter (where label = predicted) as correct_count
    from pairs group by all
),
by_answer as (
    select predicted as kind, sum(pair_count) as predicted_count from pairs group by all
)
select
    kind,
    coalesce(support, 0)::bigint as support,
    coalesce(predicted_count, 0)::bigint as predicted_count,
    coalesce(correct_count, 0)::bigint as correct_count,
    round(coalesce(correct_count, 0) / predicted_count, 4) as precision,
    round(coalesce(correct_count, 0) / support, 4) as recall,
    coalesce(detected_count, 0) as detected_count,
    round(mean_confidence, 4) as mean_confidence
from kinds
left join by_label using (kind)
left join by_answer using (kind)
left join answers using (kind)
order by position;
