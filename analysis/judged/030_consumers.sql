-- consumers: who takes deliveries from which queue.
-- Grain: one row per agent and queue.
create or replace temp table consumers as
select distinct agent, unnest(queues) as queue
from (
    select data ->> '$.agent' as agent, from_json(data -> '$.queues', '["VARCHAR"]') as queues
    from events
    where type = 'agent.started'
);
