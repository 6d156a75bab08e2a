-- title: What an agent knew is what the log says
-- level: mandatory
-- target: an agent folded from the log alone equals the one that ran
-- Compares agent.stopped with the last state.rebuilt of the observations, where there are any.

-- :population
select count(*) from events;

-- :violations
with rebuilt as (
    select
        data ->> '$.agent' as agent,
        arg_max(data ->> '$.state_sha256', seq) as state_sha256,
        arg_max(cast(data ->> '$.pattern_count' as bigint), seq) as pattern_count
    from observations
    where type = 'state.rebuilt'
    group by all
)
select null as seq, agents.agent as subject,
    case
        when rebuilt.agent is null then 'was not rebuilt'
        when rebuilt.pattern_count != agents.pattern_count
            then printf('%d patterns, rebuilt %d', agents.pattern_count, rebuilt.pattern_count)
        else 'another state'
    end as problem
from agents
left join rebuilt using (agent)
where stopped_ns is not null
    and exists (from rebuilt)
    and (rebuilt.state_sha256, rebuilt.pattern_count)
        is distinct from (agents.state_sha256, agents.pattern_count)
order by all;
