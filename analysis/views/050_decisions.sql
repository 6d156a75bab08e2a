-- decisions: what WITNESS decided.
-- Grain: one row per decision (pattern.detected or telemetry.dismissed).
-- Columns:
--   telemetry_seq  the telemetry decided on
--   time_ns        moment of the decision, nanoseconds since the Unix epoch
--   published      true for pattern.detected
--   kind           the likeliest kind, or `none`
--   predicted      the answer: the kind if published, else `none`
--   confidence     0 to 1, in that kind; for `none` in there being no pattern
--   threshold      0 to 1, what the confidence had to exceed; 0 for kind `none`
create view decisions as
select
    seq,
    causation_seq as telemetry_seq,
    time_ns,
    type = 'pattern.detected' as published,
    data ->> '$.kind' as kind,
    case when type = 'pattern.detected' then data ->> '$.kind' else 'none' end as predicted,
    cast(data ->> '$.confidence' as double) as confidence,
    cast(data ->> '$.threshold' as double) as threshold
from events
where type in ('pattern.detected', 'telemetry.dismissed');
