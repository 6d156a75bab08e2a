-- events: what an experiment needs of the logs of all its runs.
-- Grain: one row per event of the types below.
-- Columns: those of the log, and
--   arm, seed  of the run, as the path of its folder says: arms/ARM/seed-SEED/events/
create table events as
select
    regexp_extract(filename, '[/\\]arms[/\\]([^/\\]+)[/\\]seed-(\d+)[/\\]events[/\\]', 1) as arm,
    cast(
        regexp_extract(filename, '[/\\]arms[/\\]([^/\\]+)[/\\]seed-(\d+)[/\\]events[/\\]', 2) as bigint
    ) as seed,
    seq,
    time_ns,
    type,
    source,
    causation_seq,
    data
from read_json(
    getvariable('segments'),
    format = 'newline_delimited',
    filename = true,
    -- LINE_BYTES_MAX of the log.
    maximum_object_size = 1048576,
    columns = {
        seq: 'bigint',
        time_ns: 'bigint',
        type: 'varchar',
        source: 'varchar',
        causation_seq: 'bigint',
        data: 'json'
    }
)
where type in (
    'telemetry.received', 'truth.labelled', 'pattern.detected', 'telemetry.dismissed', 'feedback.given',
    'pattern.learned', 'pattern.imported'
);
