-- faults: what the fault rules of the scenario did.
-- Grain: one row per fault.injected.
-- Columns:
--   time_ns    nanoseconds since the Unix epoch
--   rule       name of the rule in the scenario
--   kind       kind of fault
--   target     the queue, agent, model or file that it hit
--   lasts_ns   how long it lasts or by how much it delays, nanoseconds; 0 where that has no meaning
--   event_seq  the event that it hit; null for a fault of an agent, a store or a clock
--   source     sequencer, or the agent in whose handling it fired
create view faults as
select
    seq,
    time_ns,
    source,
    causation_seq as event_seq,
    correlation_seq,
    commit_seq,
    data ->> '$.rule' as rule,
    data ->> '$.kind' as kind,
    data ->> '$.target' as target,
    coalesce(cast(data ->> '$.lasts_ns' as bigint), 0) as lasts_ns
from events
where type = 'fault.injected';
