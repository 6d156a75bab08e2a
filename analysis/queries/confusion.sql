-- title: Labels against answers
-- grain: one row per pair of label and answer that occurs
-- columns:
--   label            what the telemetry was
--   predicted        what WITNESS said; `undecided` if it said nothing
--   telemetry_count  telemetry events
select label, predicted, count(*) as telemetry_count
from graded
group by all
order by label, predicted;
