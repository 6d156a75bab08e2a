-- title: Learning improvement
-- level: performance
-- target: confidence increases over time
-- The mean confidence of the later half of each kind's published detections, less that of the earlier half,
-- weighted by the number of detections of the kind; so a change in the mix of kinds is not taken for
-- learning. Kinds with fewer than two detections say nothing.

-- :population
select count(*) from confidence_halves;

-- :measure
select
    sum((second_half - first_half) * detection_count) / sum(detection_count) as value,
    0.0 as target,
    value > 0 as passed
from confidence_halves;

-- :finding
select printf(
    '%+.4f from the earlier to the later half of %d detections',
    sum((second_half - first_half) * detection_count) / sum(detection_count),
    sum(detection_count)::bigint
)
from confidence_halves;
