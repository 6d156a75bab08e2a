-- title: Feedback is honest
-- level: mandatory
-- target: some answers never come, some are wrong, and most of those that come are right
-- What could be answered is an outcome of a task and a request for review. An answer is right if it says of
-- the telemetry what its label says.

-- :population
select count(*) from events where type = 'feedback.given';

-- :violations
with asked as (
    select
        asked.seq,
        answer.seq is not null as is_answered,
        (truths.label = (asked.data ->> '$.kind')) = cast(answer.data ->> '$.confirmed' as boolean)
        as is_right
    from events as asked
    join truths on truths.telemetry_seq = asked.correlation_seq
    left join events as answer on answer.causation_seq = asked.seq and answer.type = 'feedback.given'
    where asked.type in ('task.completed', 'task.failed', 'review.requested')
),
counted as (
    select
        count(*) as asked_count,
        count_if(is_answered) as answered_count,
        count_if(is_right) as right_count
    from asked
)
select 'all answers came' as problem from counted where answered_count = asked_count
union all
select 'no answer came to what was asked' from counted where answered_count = 0
union all
select 'every answer is right' from counted where right_count = answered_count
union all
select printf('%d of %d answers are right', right_count, answered_count)
from counted where right_count <= 0.5 * answered_count
order by all;

-- :finding
select printf(
    '%d answers to %d outcomes and requests for review',
    count_if(type = 'feedback.given'),
    count_if(type in ('task.completed', 'task.failed', 'review.requested'))
)
from events;
