-- title: Cost of each model
-- grain: one row per model that was called
-- columns:
--   request_model, tier      its name; local or cloud
--   call_count, error_count  calls, and those that ended in error or timeout
--   input_tokens, output_tokens
--   mean_latency_ms          milliseconds
--   cost_usd                 US dollars
select
    request_model,
    tier,
    count(*) as call_count,
    count_if(status != 'ok') as error_count,
    sum(input_tokens)::bigint as input_tokens,
    sum(output_tokens)::bigint as output_tokens,
    ms(avg(latency_ns)) as mean_latency_ms,
    usd(sum(cost_nanousd)) as cost_usd
from model_calls
group by all
order by request_model, tier;
