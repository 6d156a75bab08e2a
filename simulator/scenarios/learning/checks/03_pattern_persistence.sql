-- title: Pattern persistence
-- level: mandatory
-- target: an agent rebuilt from the log alone knows exactly what the running one knew
-- Compares agent.stopped with the observation state.rebuilt: same digest, same number of patterns. An agent
-- with patterns must have been rebuilt; one without is compared if it was.

-- :population
select count(*) from agents where pattern_count > 0;

-- :violations
with rebuilt as (
    select
        data ->> '$.agent' as agent,
        data ->> '$.state_sha256' as state_sha256,
        cast(data ->> '$.pattern_count' as bigint) as pattern_count
    from observations where type = 'state.rebuilt'
)
select
    agent,
    agents.pattern_count,
    rebuilt.pattern_count as rebuilt_count,
    case
        when rebuilt.agent is null then 'was not rebuilt'
        when rebuilt.pattern_count != agents.pattern_count then 'another number of patterns'
        else 'another state'
    end as problem
from agents
left join rebuilt using (agent)
where stopped_ns is not null
    and case
        when rebuilt.agent is null then agents.pattern_count > 0
        else (rebuilt.state_sha256, rebuilt.pattern_count)
            is distinct from (agents.state_sha256, agents.pattern_count)
    end
order by all;

-- :finding
select printf('%d patterns known at the end', sum(pattern_count)::bigint) from agents;
