-- title: Does confidence rise?
-- grain: one row
-- columns:
--   detection_count          detections published, of kinds with at least two
--   mean_confidence          0 to 1, of all detections published
--   first_half, second_half  0 to 1, mean confidence of the earlier and later detections of each kind,
--                            weighted by the number
--                            of detections of the kind, so that a change in the mix of kinds is not taken
--                            for learning
--   trend                    second half less first half; above 0 is improvement
select
    coalesce(sum(detection_count), 0)::bigint as detection_count,
    (select round(avg(confidence), 6) from decisions where published) as mean_confidence,
    round(sum(first_half * detection_count) / sum(detection_count), 6) as first_half,
    round(sum(second_half * detection_count) / sum(detection_count), 6) as second_half,
    round(sum((second_half - first_half) * detection_count) / sum(detection_count), 6) as trend
from confidence_halves;
