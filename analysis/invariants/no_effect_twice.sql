-- title: No effect twice
-- level: mandatory
-- target: one acknowledgement an event, one effect of each type, and copies have none

-- :population
select count(*) from events;

-- :violations
select max(seq) as seq, type as subject, printf('%d times for event %d', count(*), causation_seq) as problem
from events
where type in (
    'delivery.acknowledged', 'pattern.detected', 'telemetry.dismissed', 'review.requested', 'pattern.learned',
    'task.created', 'task.completed', 'task.failed', 'feedback.given', 'truth.labelled'
)
group by type, causation_seq
having count(*) > 1
union all
select events.seq, events.type, printf('committed with the copy of event %d', copies.event_seq)
from receipts as copies
join events on events.commit_seq = copies.commit_seq and events.seq != copies.seq
where copies.outcome = 'deduplicated' and events.type not in ('fault.injected', 'delivery.deduplicated')
union all
-- One handling, one commit: its calls of models are numbered once.
select max(seq), agent,
    printf('call %d for event %d, %d times in one commit', call_number, event_seq, count(*))
from model_calls
group by agent, event_seq, commit_seq, call_number
having count(*) > 1
order by all;
