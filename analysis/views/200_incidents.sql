-- incidents: what went wrong.
-- Grain: one row per incident.
-- Columns:
--   time_ns   nanoseconds since the Unix epoch
--   seq       event to look at; null for an alert about a state
--   incident  false_negative, false_positive, wrong_kind, undecided, task_failed, delivery_failed,
--             dead_letter,
--             model_error, or the name of an alert
--   detail    who and what
--   note      the telemetry or the reason
create view incidents as
select
    telemetry.time_ns,
    telemetry.seq,
    case
        when predicted = 'undecided' then 'undecided'
        when predicted = 'none' then 'false_negative'
        when label = 'none' then 'false_positive'
        else 'wrong_kind'
    end as incident,
    label || ' taken for ' || predicted || coalesce(
        printf(' (likeliest %s, confidence %.2f, threshold %.2f)', wrong.kind, confidence, threshold), ''
    ) as detail,
    telemetry.message as note
from (select * from graded where not correct) as wrong
join telemetry on telemetry.seq = wrong.telemetry_seq
union all
select finished_ns, seq, 'task_failed', kind || ' by ' || delegate, result
from tasks where outcome = 'failed'
union all
select time_ns, causation_seq, if(type = 'delivery.failed', 'delivery_failed', 'dead_letter'),
    source || ' on ' || (data ->> '$.queue') || ', attempt ' || (data ->> '$.attempt'), data ->> '$.reason'
from events where type in ('delivery.failed', 'delivery.dead_lettered')
union all
select time_ns, seq, 'model_error', agent || ' calling ' || request_model || ' to ' || operation_name,
    coalesce(error_type, status)
from model_calls where status = 'error'
union all
select time_ns, null, alert, subject,
    trim(concat_ws(' ', value, unit) || coalesce(' (limit ' || limit_value || ')', ''))
from alerts;
