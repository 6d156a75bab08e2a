-- title: One outcome each
-- level: mandatory
-- target: what was acknowledged has exactly its outcome, what was not has none
-- Telemetry leads to one decision, a pattern to one task, a task to one result; feedback leads to one lesson.
-- A task leads to one feedback of EXECUTOR, or to none of its own where a reviewer gives the feedback.

-- :population
select count(*) from events;

-- :violations
with reviewed as (
    select exists (from limits where limit_name = 'is_reviewed')
        or exists (from events where source = 'reviewer') as is_reviewed
),
leads_to(type, effect, outcome, is_due) as (
    values
        ('telemetry.received', 'pattern.detected', 'decision', true),
        ('telemetry.received', 'telemetry.dismissed', 'decision', true),
        ('pattern.detected', 'task.created', 'task', true),
        ('task.created', 'task.completed', 'result', true),
        ('task.created', 'task.failed', 'result', true),
        ('feedback.given', 'pattern.learned', 'lesson', true)
    union all
    select 'task.created', 'feedback.given', 'feedback', not is_reviewed from reviewed
),
expected as (
    select
        events.seq,
        events.type,
        outcome,
        is_due,
        acknowledged.event_seq is not null as is_acknowledged
    from events
    join (select distinct type, outcome, is_due from leads_to) using (type)
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
        case
            when not is_due then 'which is the reviewer''s to give'
            when is_acknowledged then 'acknowledged'
            else 'not acknowledged'
        end
    ) as problem
from expected
left join found using (seq, outcome)
where coalesce(outcome_count, 0) != cast(is_acknowledged and is_due as integer)
order by all;
