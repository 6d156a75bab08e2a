-- title: What went wrong
-- grain: one row per incident
-- columns:
--   elapsed   HH:MM:SS since the start
--   seq       event to look at; null for an alert about a state
--   incident  false_negative, false_positive, wrong_kind, undecided, task_failed, delivery_failed,
--             dead_letter,
--             model_error, or the name of an alert
--   detail    who and what
--   note      the telemetry or the reason, at most 200 characters
select clock(time_ns - start_ns) as elapsed, seq, incident, detail, left(note, 200) as note
from incidents
cross join (select start_ns from run)
order by time_ns, incident, seq, detail;
