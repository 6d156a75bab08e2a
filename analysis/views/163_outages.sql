-- outages: times in which a fault rule took an agent away.
-- Grain: one row per fault of kind crash, hang, amnesia or crash_loop.
-- Columns:
--   fault_seq             the fault.injected
--   frozen_ns             the agent does nothing more from here, nanoseconds since the Unix epoch
--   down_ns               its process was ended; null if that has not happened yet
--   up_ns                 it was back for good; null if that has not happened yet
--   up_seq                the agent.started that brought it back
--   failed_restart_count  restarts that did not last
--   gave_up               the supervisor reached its limit of restarts
create view outages as
with signs as (
    select
        seq, time_ns, data ->> '$.agent' as agent, type[7:] as sign, correlation_seq
    from events
    where type in ('agent.started', 'agent.crashed', 'agent.refused')
    union all
    select seq, time_ns, data ->> '$.subject', 'gave_up', correlation_seq
    from events
    where type = 'limit.reached' and data ->> '$.limit' = 'agent_restarts_max'
),
bounds as (
    select
        seq as fault_seq,
        time_ns as frozen_ns,
        rule,
        kind,
        target as agent,
        lead(seq, 1, 9223372036854775807) over (partition by target order by seq) as next_seq
    from faults
    where kind in ('crash', 'hang', 'amnesia', 'crash_loop')
),
told as (
    select
        fault_seq,
        min(time_ns) filter (where sign = 'crashed') as down_ns,
        count_if(sign = 'started') as started_count,
        arg_max(sign, seq) filter (where sign != 'gave_up') as last_sign,
        max(time_ns) filter (where sign = 'started') as started_ns,
        max(seq) filter (where sign = 'started') as started_seq,
        bool_or(sign = 'gave_up') as gave_up
    from bounds
    join signs on signs.agent = bounds.agent and signs.seq between fault_seq and next_seq
    group by fault_seq
)
select
    fault_seq,
    rule,
    kind,
    agent,
    frozen_ns,
    down_ns,
    if(last_sign = 'started', started_ns, null) as up_ns,
    if(last_sign = 'started', started_seq, null) as up_seq,
    coalesce(started_count - cast(last_sign = 'started' as integer), 0) as failed_restart_count,
    coalesce(gave_up, false) as gave_up
from bounds
left join told using (fault_seq);
