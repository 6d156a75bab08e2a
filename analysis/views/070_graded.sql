-- graded: decisions beside the truth.
-- Grain: one row per labelled telemetry (one per decision, if there were several).
-- Columns:
--   label       what it is: one of the five kinds, or `none`
--   predicted   what WITNESS said; `undecided` if it said nothing, which counts as wrong
--   correct     predicted = label
--   kind, confidence, threshold, published, time_ns  of the decision, null if undecided
create view graded as
select
    truths.telemetry_seq,
    truths.label,
    coalesce(decisions.predicted, 'undecided') as predicted,
    coalesce(decisions.predicted = truths.label, false) as correct,
    decisions.kind,
    decisions.confidence,
    decisions.threshold,
    decisions.published,
    decisions.time_ns
from truths
left join decisions on decisions.telemetry_seq = truths.telemetry_seq;
