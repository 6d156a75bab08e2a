-- title: Detection accuracy
-- level: performance
-- target: more than 80 % of the labelled telemetry that was handled classified as labelled
-- Faults delay and repeat what WITNESS sees, and delay what it learns; they must not make it blind.

-- :population
select count(*) from graded where predicted != 'undecided';

-- :measure
select avg(cast(correct as integer)) as value, 0.8 as target, value > 0.8 as passed
from graded
where predicted != 'undecided';

-- :finding
select printf(
    '%.1f %% (%d of %d correct)', 100 * avg(cast(correct as integer)), count_if(correct), count(*)
)
from graded
where predicted != 'undecided';
