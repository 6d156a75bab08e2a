-- redeliveries: events that the sequencer sent again, from the log.
-- Grain: one row per delivery.redelivered.
-- Columns:
--   event_seq   the event that was sent again
--   redelivery  from 1 for one event and one reason
create view redeliveries as
select
    seq,
    time_ns,
    causation_seq as event_seq,
    data ->> '$.queue' as queue,
    cast(data ->> '$.redelivery' as bigint) as redelivery,
    data ->> '$.reason' as reason
from events
where type = 'delivery.redelivered';
