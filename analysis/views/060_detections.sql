-- detections: decisions of WITNESS beside the telemetry that they are about.
-- Grain: one row per telemetry that was decided on (one per decision, if there were several).
-- Columns: those of decisions, and
--   message       of the telemetry
--   telemetry_ns  moment of the telemetry, nanoseconds since the Unix epoch
--   latency_ns    from the telemetry to the decision, nanoseconds
create view detections as
select
    decisions.*,
    telemetry.message,
    telemetry.time_ns as telemetry_ns,
    decisions.time_ns - telemetry.time_ns as latency_ns
from decisions
join telemetry on telemetry.seq = decisions.telemetry_seq;
