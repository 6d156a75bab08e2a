-- observations: what is not repeatable (processes, memory, wall time), a log of its own.
-- Grain: one row per observation.
-- Columns: the envelope of the log, typed, without the CRC; `data` is the body as JSON text
-- (docs/log-format.md).
--   seq, causation_seq, correlation_seq, commit_seq  numbers of events
--   time_ns                                          nanoseconds since the Unix epoch, bus time
create table observations (
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
