-- title: Kind precision
-- level: performance
-- target: at least 85 % of published detections are of the kind that the label says
-- A detection that takes one kind for another is wrong here. The alarm precision of an experiment, which asks
-- whether there was anything at all, is never lower.

-- :population
select count(*) from graded where published;

-- :measure
select avg(cast(correct as integer)) as value, 0.85 as target, value >= 0.85 as passed
from graded
where published;

-- :finding
select printf(
    '%.1f %% of %d detections; %.1f %% of what is something was found as what it is',
    100 * avg(cast(correct as integer)) filter (where published),
    count_if(published),
    100 * avg(cast(correct as integer)) filter (where label != 'none')
)
from graded;
