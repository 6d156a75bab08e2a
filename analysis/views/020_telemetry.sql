-- telemetry: what the workload reported.
-- Grain: one row per telemetry.received.
-- Columns: seq, time_ns (nanoseconds since the Unix epoch), and the fields of the record, null where it has
-- none.
create view telemetry as
select
    seq,
    time_ns,
    data ->> '$.message' as message,
    data ->> '$.severity' as severity,
    data ->> '$.component' as component,
    data ->> '$.file' as file,
    cast(data ->> '$.line' as bigint) as line,
    data ->> '$.error_type' as error_type,
    data ->> '$.rule' as rule,
    data ->> '$.test_name' as test_name,
    data -> '$.attributes' as attributes
from events
where type = 'telemetry.received';
