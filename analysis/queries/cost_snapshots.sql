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
    select unnest(range(0, least(duration_ns, elapsed_ns + 1), greatest(snapshot_interval_ns, 1000000000))) as elapsed_ns,
        start_ns
    from run
),
-- Running totals by agent, one row per call; the snapshot takes the last one before it.
so_far as (
    select
        agent,
        time_ns,
        seq,
        sum(cost_nanousd) over calls_so_far as cost_nanousd,
        count(*) over calls_so_far as call_count,
        count_if(status = 'ok') over calls_so_far as ok_count
    from model_calls
    window calls_so_far as (partition by agent order by seq rows unbounded preceding)
),
by_agent as (
    select snapshots.elapsed_ns, snapshots.start_ns, names.agent, cost_nanousd, call_count, ok_count
    from (select snapshots.*, agents.agent from snapshots cross join agents) as names
    join snapshots using (elapsed_ns)
    asof left join so_far
        on so_far.agent = names.agent and so_far.time_ns <= names.start_ns + names.elapsed_ns
)
select
    elapsed_ns,
    utc(any_value(start_ns) + elapsed_ns) as timestamp,
    usd(coalesce(sum(cost_nanousd), 0)) as total_cost_usd,
    coalesce(sum(call_count), 0)::bigint as total_calls,
    round(sum(ok_count) / sum(call_count), 6) as success_rate,
    map_from_entries(list((upper(agent), usd(coalesce(cost_nanousd, 0))) order by agent)) as by_agent
from by_agent
group by elapsed_ns
order by elapsed_ns;
