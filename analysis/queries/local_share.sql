-- title: How much local models do
-- grain: one row
-- columns:
--   call_count, local_count  model calls, and those of local models
--   local_share              0 to 1; null without calls
--   success_share            0 to 1, calls that ended ok; null without calls
select
    count(*) as call_count,
    count_if(tier = 'local') as local_count,
    round(avg(cast(tier = 'local' as integer)), 6) as local_share,
    round(avg(cast(status = 'ok' as integer)), 6) as success_share
from model_calls;
