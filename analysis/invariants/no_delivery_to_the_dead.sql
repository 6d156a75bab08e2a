-- title: No delivery to a dead agent
-- level: mandatory
-- target: an agent that is away starts nothing, commits nothing and gives no heartbeat
-- Away: from the fault that took it until the agent.started that brought it back. What it had begun before is
-- lost with it and begun again.

-- :population
select count(*) from events;

-- :violations
select receipts.seq, receipts.source as subject,
    printf('attempt %d of event %d was begun or under way while the agent was away', attempt, event_seq)
    as problem
from receipts
join outages
    on outages.agent = receipts.source
    and receipts.seq > outages.fault_seq
    and receipts.started_ns < coalesce(outages.up_ns, 9223372036854775807)
where receipts.started_ns > 0
union all
select events.seq, outages.agent, events.type || ' while the agent was away'
from outages
join (
    select
        seq,
        type,
        if(type = 'agent.heartbeat', data ->> '$.agent', source) as agent
    from events
    where source != 'sequencer' and type not in ('agent.started', 'agent.crashed', 'agent.refused')
        or type = 'agent.heartbeat'
) as events
    on events.agent = outages.agent
    and events.seq > outages.fault_seq
    and events.seq < coalesce(outages.up_seq, 9223372036854775807)
where events.type not in ('delivery.acknowledged', 'delivery.failed', 'delivery.dead_lettered')
order by all;
