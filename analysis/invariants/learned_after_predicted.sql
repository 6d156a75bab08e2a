-- title: Nothing is learned before it is predicted
-- level: mandatory
-- target: feedback follows a decision about the same telemetry, learning follows feedback, truth tells nobody
-- A lesson about a record that WITNESS has not answered yet would be an answer copied from the label. So each
-- lesson follows from feedback, which comes after a decision about the telemetry at the root of its chain and
-- is about the message of that telemetry. truth.labelled is on no queue and causes nothing. What earlier runs
-- learned is there before the first telemetry, or not at all.

-- :population
select count(*) from events;

-- :violations
with answered as (
    select causation_seq as telemetry_seq, min(seq) as seq
    from events
    where type in ('pattern.detected', 'telemetry.dismissed')
    group by all
),
feedback as (
    select
        given.seq,
        given.source,
        answered.seq as answered_seq,
        telemetry.seq as telemetry_seq,
        given.data ->> '$.message' as message,
        telemetry.data ->> '$.message' as telemetry_message
    from events as given
    left join answered on answered.telemetry_seq = given.correlation_seq
    left join events as telemetry
        on telemetry.seq = given.correlation_seq and telemetry.type = 'telemetry.received'
    where given.type = 'feedback.given'
)
select feedback.seq, feedback.source as subject,
    case
        when telemetry_seq is null then 'feedback about no telemetry'
        when answered_seq is null then printf('telemetry %d was never decided on', telemetry_seq)
        when answered_seq >= feedback.seq
            then printf('telemetry %d is decided on only by event %d', telemetry_seq, answered_seq)
        else printf('not the message of telemetry %d', telemetry_seq)
    end as problem
from feedback
where telemetry_seq is null
    or answered_seq is null
    or answered_seq >= feedback.seq
    or message is distinct from telemetry_message
union all
select learned.seq, learned.source,
    if(
        cause.seq is null or cause.type != 'feedback.given',
        'learned from no feedback',
        printf('learned from feedback %d, which comes later', cause.seq)
    )
from events as learned
left join events as cause on cause.seq = learned.causation_seq
where learned.type = 'pattern.learned'
    and (
        cause.seq is null
        or cause.type != 'feedback.given'
        or cause.seq >= learned.seq
        or cause.correlation_seq != learned.correlation_seq
    )
union all
select truth.seq, truth.source, 'truth on queue ' || truth.queue
from events as truth
where truth.type = 'truth.labelled' and truth.queue is not null
union all
select effect.seq, effect.source, effect.type || printf(' follows from truth %d', truth.seq)
from events as effect
join events as truth on truth.seq = effect.causation_seq
where truth.type = 'truth.labelled'
union all
select imported.seq, imported.source, printf('imported after telemetry %d', first_seq)
from events as imported
cross join (select min(seq) as first_seq from events where type = 'telemetry.received')
where imported.type = 'pattern.imported' and imported.seq > first_seq
order by all;
