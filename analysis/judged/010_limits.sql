-- limits: the bounds of the run, from its scenario (the variable `limits`) and from its limit.reached.
-- Grain: one row per bound, subject and value; two values of one bound contradict each other.
-- Columns:
--   limit_name  queue_depth_max (subject: the queue), budget_granted_nanousd (an agent),
--               delivery_attempts_max (an agent), redeliveries_max (a queue),
--               input_nanousd_per_token, output_nanousd_per_token (a tier of models), is_reviewed (executor;
--               there, with 1, if a reviewer gives the feedback in its place)
create or replace temp table limits as
select limit_name, bound.key as subject, bound.value as limit_value
from (
    select named.key as limit_name, unnest(map_entries(named.value)) as bound
    from (
        select unnest(map_entries(
            cast(cast(getvariable('limits') as json) as map(varchar, map(varchar, bigint)))
        )) as named
    )
)
union
select data ->> '$.limit', data ->> '$.subject', cast(data ->> '$.limit_value' as bigint)
from events
where type = 'limit.reached';
