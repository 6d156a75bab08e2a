-- title: One telemetry event and all that followed from it
-- grain: one row per event of the chain
-- columns:
--   seq, elapsed (HH:MM:SS since the start), type, source, queue, causation_seq, data
-- variables:
--   correlation_seq  seq of any event of the chain; without it the chain of the last detection
select events.seq, clock(events.time_ns - start_ns) as elapsed, type, source, queue, causation_seq, data
from events
cross join (select start_ns from run)
where correlation_seq = coalesce(
    (select correlation_seq from events where seq = getvariable('correlation_seq')),
    (select max(telemetry_seq) from decisions where published),
    (select max(seq) from events where type = 'telemetry.received')
)
order by events.seq;
