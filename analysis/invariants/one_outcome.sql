-- title: One outcome each
-- level: mandatory
-- target: what was acknowledged has exactly its outcome, what was not has none
-- Telemetry leads to one decision, a pattern to one task, a task to one result and, unless a reviewer gives
-- the feedback, one feedback of EXECUTOR; feedback leads to one lesson.

-- :population
select count(*) from events;

-- :violations
with leads_to(type, effect, outcome) as (
    values
        ('telemetry.received', 'pattern.detected', 'decision'),
        ('telemetry.received', 'telemetry.dismissed', 'decision'),
        ('pattern.detected', 'task.created', 'task'),
        ('task.created', 'task.completed', 'result'),
        ('task.created', 'task.failed', 'result'),
        ('feedback.given', 'pattern.learned', 'lesson')
    union all
    select 'task.created', 'feedback.given', 'feedback'
    where not exists (from limits where limit_name = 'is_reviewed')
        and not exists (from events where source = 'reviewer')
),
expected as (
    select events.seq, events.type, outcome, acknowledged.event_seq is not null as is_acknowledged
    from events
    join (select distinct type, outcome from leads_to) using (type)
    left join (select distinct event_seq from receipts where outcome = 'acknowledged') as acknowledged
        on acknowledged.event_seq = events.seq
),
found as (
    select causation_seq as seq, outcome, count(*) as outcome_count
    from events
    join leads_to on leads_to.effect = events.type
    group by all
)
select seq, type as subject,
    printf(
        '%d times a %s, %s', coalesce(outcome_count, 0), outcome,
        if(is_acknowledged, 'acknowledged', 'not acknowledged')
    ) as problem
from expected
left join found using (seq, outcome)
where coalesce(outcome_count, 0) != cast(is_acknowledged as integer)
order by all;
