-- title: Cost efficiency
-- level: performance
-- target: more than 70 % of model calls go to local models

-- :population
select count(*) from model_calls;

-- :measure
select avg(cast(tier = 'local' as integer)) as value, 0.7 as target, value > 0.7 as passed from model_calls;

-- :finding
select printf(
    '%.1f %% local (%d of %d calls)',
    100 * avg(cast(tier = 'local' as integer)),
    count_if(tier = 'local'),
    count(*)
)
from model_calls;
