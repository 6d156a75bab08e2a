-- title: Event detection
-- level: mandatory
-- target: every telemetry event decided on exactly once, or given up with a cause
-- An answer about something that is no telemetry is a violation too.

-- :population
select count(*) from events where type = 'telemetry.received';

-- :violations
select
    coalesce(telemetry.seq, answers.telemetry_seq) as seq,
    'witness' as subject,
    if(
        telemetry.seq is null,
        'no such telemetry',
        printf('%d decisions', coalesce(answers.decision_count, 0))
    ) as problem
from (select seq from events where type = 'telemetry.received') as telemetry
full join (
    select causation_seq as telemetry_seq, count(*) as decision_count
    from events where type in ('pattern.detected', 'telemetry.dismissed')
    group by causation_seq
) as answers on answers.telemetry_seq = telemetry.seq
left join (select event_seq from deliveries where outcome = 'dead_lettered') as given_up
    on given_up.event_seq = telemetry.seq
where telemetry.seq is null
    or coalesce(answers.decision_count, 0) != cast(given_up.event_seq is null as integer)
order by all;

-- :finding
select printf(
    '%d decisions for %d telemetry events',
    count_if(type != 'telemetry.received'), count_if(type = 'telemetry.received')
)
from events where type in ('telemetry.received', 'pattern.detected', 'telemetry.dismissed');
