-- title: Costs at each snapshot
-- grain: one row per snapshot interval that the run reached, from 0
-- columns:
--   elapsed_ns       nanoseconds since the start
--   timestamp        UTC
--   total_cost_usd   US dollars spent so far
--   total_calls      model calls so far
--   success_rate     0 to 1, of them; null without calls
--   by_agent         US dollars by agent, as a map
with snapshots as (
    select elapsed_ns, time_ns from sample_times where purpose = 'snapshot'
),
-- Running totals by agent and moment; the snapshot takes the last one.
so_far as (
    select
        agent,
        time_ns,
        sum(cost_nanousd) over calls_so_far as cost_nanousd,
        sum(call_count) over calls_so_far as call_count,
        sum(ok_count) over calls_so_far as ok_count
    from (
        select
            agent,
            time_ns,
            sum(cost_nanousd) as cost_nanousd,
            count(*) as call_count,
            count_if(status = 'ok') as ok_count
        from model_calls
        group by agent, time_ns
    )
    window calls_so_far as (partition by agent order by time_ns rows unbounded preceding)
),
by_agent as (
    select wanted.elapsed_ns, wanted.time_ns as moment_ns, wanted.agent, cost_nanousd, call_count, ok_count
    from (select snapshots.*, agents.agent from snapshots cross join agents) as wanted
    asof left join so_far on so_far.agent = wanted.agent and so_far.time_ns <= wanted.time_ns
)
select
    elapsed_ns,
    utc(any_value(moment_ns)) as timestamp,
    usd(coalesce(sum(cost_nanousd), 0)) as total_cost_usd,
    coalesce(sum(call_count), 0)::bigint as total_calls,
    round(sum(ok_count) / sum(call_count), 6) as success_rate,
    map_from_entries(list((upper(agent), usd(coalesce(cost_nanousd, 0))) order by agent)) as by_agent
from by_agent
group by elapsed_ns
order by elapsed_ns;
