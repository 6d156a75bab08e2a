-- title: Feedback is honest
-- level: mandatory
-- target: at most one answer to each outcome and request for review, heard by WITNESS after its decision
-- An outcome of a task may be answered, and a request for review; nothing else. An answer reaches WITNESS no
-- earlier than it was given, and WITNESS had decided on the record before. How many answers are missing or
-- wrong is the scenario's to say, and any share is legal there; so both are found here and not judged. An
-- answer is wrong if it says of the telemetry the opposite of its label.

-- :population
select count(*) from events where type in ('task.completed', 'task.failed', 'review.requested');

-- :violations
with asked as (
    select seq, type in ('task.completed', 'task.failed', 'review.requested') as may_be_answered from events
),
answers as (
    select seq, time_ns, causation_seq, correlation_seq from events where type = 'feedback.given'
)
select answers.seq, printf('answers event %d, which asks nothing', answers.causation_seq) as problem
from answers
join asked on asked.seq = answers.causation_seq
where not may_be_answered
union all
select seq, 'answers nothing that is on the log'
from answers
anti join asked on asked.seq = answers.causation_seq and asked.seq < answers.seq
union all
select max(seq), printf('%d answers to event %d', count(*), causation_seq)
from answers
group by causation_seq
having count(*) > 1
union all
select answer_count, printf('%d answers to %d outcomes and requests for review', answer_count, asked_count)
from (
    select (select count(*) from answers) as answer_count, count_if(may_be_answered) as asked_count
    from asked
)
where answer_count > asked_count
union all
select answers.seq, printf('heard at %d, given at %d', deliveries.arrived_ns, answers.time_ns)
from answers
join deliveries on deliveries.event_seq = answers.seq
where deliveries.arrived_ns < answers.time_ns or deliveries.seq < answers.seq
union all
select answers.seq, printf('WITNESS had not decided on telemetry %d', answers.correlation_seq)
from answers
anti join decisions
    on decisions.telemetry_seq = answers.correlation_seq
    and decisions.seq < answers.seq
    and decisions.time_ns <= answers.time_ns
order by all;

-- :finding
with asked as (
    select
        answer.seq is not null as is_answered,
        (truths.label = (asked.data ->> '$.kind')) != cast(answer.data ->> '$.confirmed' as boolean)
        as is_wrong
    from events as asked
    left join truths on truths.telemetry_seq = asked.correlation_seq
    left join events as answer on answer.causation_seq = asked.seq and answer.type = 'feedback.given'
    where asked.type in ('task.completed', 'task.failed', 'review.requested')
)
select printf(
    '%d outcomes and requests for review, %.1f %% not answered; %d answers, %.1f %% wrong',
    count(*),
    100 * avg(cast(not is_answered as integer)),
    count_if(is_answered),
    coalesce(100 * avg(cast(is_wrong as integer)), 0)
)
from asked;
