-- title: Learning improvement
-- level: performance
-- target: confidence in the patterns of the store increases over time
-- Of each pattern that feedback on a detection was about: the confidence after its last lesson less that
-- before its first, in its kind, for its own words. Confidence from one detection to the next would show how
-- clearly each report happens to be worded. Lessons on what WITNESS only asked about are left out: most of
-- these say rightly that there was nothing.

-- :population
select count(*)
from learned
where correlation_seq in (select telemetry_seq from decisions where published);

-- :measure
with changes as (
    select arg_max(confidence_after, seq) - arg_min(confidence_before, seq) as change
    from learned
    where correlation_seq in (select telemetry_seq from decisions where published)
    group by pattern_id
)
select avg(change) as value, 0.0 as target, value > 0 as passed from changes;

-- :finding
with changes as (
    select arg_max(confidence_after, seq) - arg_min(confidence_before, seq) as change
    from learned
    where correlation_seq in (select telemetry_seq from decisions where published)
    group by pattern_id
)
select printf('%+.4f on average of %d patterns', avg(change), count(*)) from changes;
