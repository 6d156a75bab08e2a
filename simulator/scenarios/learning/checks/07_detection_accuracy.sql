-- title: Detection accuracy
-- level: performance
-- target: more than 90 % of labelled telemetry classified as labelled
-- Always saying `none` would be right about 85 % of it. Telemetry without a decision counts as wrong.

-- :population
select count(*) from truths;

-- :measure
select avg(cast(correct as integer)) as value, 0.9 as target, value > 0.9 as passed from graded;

-- :finding
select printf(
    '%.1f %% (%d of %d correct)', 100 * avg(cast(correct as integer)), count_if(correct), count(*)
)
from graded;
