-- truths: what a telemetry event really is. No agent can see these.
-- Grain: one row per truth.labelled.
-- Columns:
--   telemetry_seq  seq of the telemetry.received that is labelled
--   label          one of the five kinds, or `none`
create view truths as
select seq, time_ns, causation_seq as telemetry_seq, data ->> '$.label' as label
from events
where type = 'truth.labelled';
