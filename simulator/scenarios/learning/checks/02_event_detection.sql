-- title: 100 % event detection
-- level: mandatory
-- target: every telemetry event decided on exactly once
-- WITNESS publishes a detection or dismisses the telemetry; neither, or more than one answer, is a
-- violation, and so is an answer about something that is no telemetry.

-- :population
select count(*) from events where type = 'telemetry.received';

-- :violations
select
    coalesce(telemetry.seq, answers.telemetry_seq) as telemetry_seq,
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
where telemetry.seq is null or answers.decision_count is distinct from 1
order by all;

-- :finding
select printf(
    '%d decisions for %d telemetry events',
    count_if(type != 'telemetry.received'), count_if(type = 'telemetry.received')
)
from events where type in ('telemetry.received', 'pattern.detected', 'telemetry.dismissed');
