-- events: the log.
-- Grain: one row per event.
-- Columns: the envelope of the log, typed, without the CRC; `data` is the body as JSON text
-- (docs/log-format.md).
--   seq, causation_seq, correlation_seq, commit_seq  numbers of events
--   time_ns                                          nanoseconds since the Unix epoch, bus time
create table events (
    seq bigint,
    time_ns bigint,
    type varchar,
    source varchar,
    queue varchar,
    causation_seq bigint,
    correlation_seq bigint,
    commit_seq bigint,
    -- Compressing it would cost more time at the load than it saves at a query.
    data json using compression uncompressed
);
