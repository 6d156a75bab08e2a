-- title: How long each outage kept its agent from its work
-- grain: one row per outage, in order
-- columns:
--   agent, rule, kind
--   frozen_at      HH:MM:SS since the start
--   away_s         seconds until the agent was back; null if it did not come back
--   handled_at     HH:MM:SS since the start, its first acknowledgement after that; null if there was none
--   recovery_s     seconds from frozen to that acknowledgement
--   waiting_count  deliveries that were sent to it again when it came back
with first_handled as (
    select fault_seq, min(deliveries.time_ns) as handled_ns
    from outages
    join deliveries
        on deliveries.agent = outages.agent
        and deliveries.seq > outages.up_seq
        and deliveries.outcome = 'acknowledged'
    group by fault_seq
),
consumers as (
    select distinct agent, unnest(queues) as queue
    from (
        select data ->> '$.agent' as agent, from_json(data -> '$.queues', '["VARCHAR"]') as queues
        from events
        where type = 'agent.started'
    )
),
waiting as (
    select fault_seq, count(*) as waiting_count
    from outages
    join consumers using (agent)
    join redeliveries
        on redeliveries.queue = consumers.queue
        and redeliveries.time_ns = outages.up_ns
        and redeliveries.seq > outages.up_seq
        and redeliveries.reason = 'agent restarted'
    group by fault_seq
)
select
    agent,
    rule,
    kind,
    clock(frozen_ns - start_ns) as frozen_at,
    seconds(up_ns - frozen_ns) as away_s,
    clock(handled_ns - start_ns) as handled_at,
    seconds(handled_ns - frozen_ns) as recovery_s,
    coalesce(waiting_count, 0) as waiting_count
from outages
cross join (select start_ns from run)
left join first_handled using (fault_seq)
left join waiting using (fault_seq)
order by fault_seq;
