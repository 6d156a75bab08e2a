-- title: The whole log, in order
-- grain: one row per event
-- columns: the envelope of the log without the CRC, and `data`, the body as JSON
select seq, time_ns, type, source, queue, causation_seq, correlation_seq, commit_seq, data
from events
order by seq;
