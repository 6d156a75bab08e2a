-- tasks: what ARCHITECT planned and what came of it.
-- Grain: one row per task.created.
-- Columns:
--   created_ns, finished_ns  nanoseconds since the Unix epoch; finished_ns is null for an open task
--   duration_ns              from created to finished, nanoseconds
--   outcome                  completed, failed or open
--   result                   the summary, or the reason of the failure
--   confidence               0 to 1, of the detection
create view tasks as
select
    created.seq,
    created.causation_seq as detection_seq,
    created.correlation_seq,
    created.time_ns as created_ns,
    ended.time_ns as finished_ns,
    ended.time_ns - created.time_ns as duration_ns,
    created.data ->> '$.kind' as kind,
    created.data ->> '$.title' as title,
    created.data ->> '$.priority' as priority,
    created.data ->> '$.delegate' as delegate,
    created.data ->> '$.planned_by' as planned_by,
    created.data ->> '$.tier' as tier,
    cast(created.data ->> '$.confidence' as double) as confidence,
    coalesce(ended.type[6:], 'open') as outcome,
    coalesce(ended.data ->> '$.summary', ended.data ->> '$.reason') as result
from (select * from events where type = 'task.created') as created
left join (select * from events where type in ('task.completed', 'task.failed')) as ended
    on ended.causation_seq = created.seq;
