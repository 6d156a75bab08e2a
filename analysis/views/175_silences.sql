-- silences: agents that gave no sign of life for more than three heartbeat intervals, not counting the time
-- for which a fault rule had taken them away.
-- Grain: one row per silence.
-- Columns:
--   since_ns     last sign of life: its start or a heartbeat, nanoseconds since the Unix epoch
--   noticed_ns   three intervals later
--   duration_ns  until the next heartbeat, its end, or the end of the log if it never stopped
create view silences as
with signs as (
    select agent, time_ns from heartbeats
    union all
    select agent, started_ns from agents
    union all
    select agent, coalesce(stopped_ns, end_ns) from agents cross join run
),
gaps as (
    select agent, since_ns, since_ns + gap_ns_max as noticed_ns, time_ns as until_ns, gap_ns_max
    from (
        select agent, time_ns, lag(time_ns) over (partition by agent order by time_ns) as since_ns
        from signs
    )
    cross join (select 3 * heartbeat_interval_ns as gap_ns_max from run where heartbeat_interval_ns > 0)
    where time_ns - since_ns > gap_ns_max
),
explained as (
    select
        gaps.agent,
        gaps.since_ns,
        sum(least(until_ns, coalesce(up_ns, until_ns)) - greatest(since_ns, frozen_ns)) as outage_ns
    from gaps
    join outages
        on outages.agent = gaps.agent
        and frozen_ns < until_ns
        and coalesce(up_ns, until_ns) > since_ns
    group by all
)
select agent, since_ns, noticed_ns, until_ns - since_ns as duration_ns
from gaps
left join explained using (agent, since_ns)
where until_ns - since_ns - coalesce(outage_ns, 0) > gap_ns_max;
