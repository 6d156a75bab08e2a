-- title: What came of the tasks
-- grain: one row per kind and delegate that had a task
-- columns:
--   task_count, completed_count, failed_count, open_count
--   planned_local_share  0 to 1, tasks planned by a local model
--   mean_duration_s  seconds from the plan to the outcome; null if none has one
select
    kind,
    delegate,
    count(*) as task_count,
    count_if(outcome = 'completed') as completed_count,
    count_if(outcome = 'failed') as failed_count,
    count_if(outcome = 'open') as open_count,
    round(avg(cast(tier = 'local' as integer)), 4) as planned_local_share,
    seconds(avg(duration_ns)) as mean_duration_s
from tasks
group by kind, delegate
order by kind, delegate;
