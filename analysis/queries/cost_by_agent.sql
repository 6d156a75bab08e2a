-- title: Cost of each agent
-- grain: one row per agent that started or called a model
-- columns:
--   call_count, error_count  model calls, and those that ended in error or timeout
--   local_share              0 to 1, calls of local models; null without calls
--   input_tokens, output_tokens
--   cost_usd                 US dollars
select
    agent,
    count(seq) as call_count,
    count_if(status != 'ok') as error_count,
    round(avg(if(seq is null, null, cast(tier = 'local' as integer))), 4) as local_share,
    coalesce(sum(input_tokens), 0)::bigint as input_tokens,
    coalesce(sum(output_tokens), 0)::bigint as output_tokens,
    usd(coalesce(sum(cost_nanousd), 0)) as cost_usd
from (select agent from agents)
full join model_calls using (agent)
group by agent
order by agent;
