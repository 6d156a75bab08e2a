-- title: Heartbeats tell the truth
-- level: mandatory
-- target: what a heartbeat and the last word of an agent say is what the log says at that moment

-- :population
select count(*) from events;

-- :violations
with folded as (
    select seq, sum(depth) as pending, sum(handled) as handled, sum(busy_ns) as busy_ns
    from flow
    where moment = 'beat'
    group by seq
),
said as (
    select seq, type, unnest(from_json(data, '{
        "agent": "VARCHAR", "handled_count": "BIGINT", "busy_ns": "BIGINT", "pending_count": "BIGINT"
    }'))
    from events
    where type in ('agent.heartbeat', 'agent.stopped')
)
select said.seq, said.agent as subject,
    case
        when folded.seq is null then 'the agent never started'
        when handled_count != handled then printf('%d handled, by the log %d', handled_count, handled)
        when said.busy_ns != folded.busy_ns
            then printf('busy %d ns, by the log %d', said.busy_ns, folded.busy_ns)
        else printf('%d pending, by the log %d', pending_count, pending)
    end as problem
from said
left join folded using (seq)
where folded.seq is null
    or handled_count != handled
    or (said.busy_ns, pending_count) is distinct from (folded.busy_ns, pending) and type = 'agent.heartbeat'
order by all;
