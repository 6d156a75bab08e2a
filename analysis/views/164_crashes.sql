-- crashes: agents that ended without being asked to.
-- Grain: one row per agent.crashed.
-- Columns:
--   time_ns  nanoseconds since the Unix epoch
--   rule     the fault rule that made it crash; null if none did
create view crashes as
select crashed.seq, crashed.time_ns, crashed.agent, crashed.reason, outages.rule, outages.kind
from (
    select seq, time_ns, correlation_seq, data ->> '$.agent' as agent, data ->> '$.reason' as reason
    from events
    where type = 'agent.crashed'
) as crashed
-- An outage starts a chain of its own, and its crashes belong to that chain.
left join outages
    on outages.fault_seq = crashed.correlation_seq
    and outages.agent = crashed.agent
    and crashed.seq < coalesce(outages.up_seq, 9223372036854775807);
