-- Loads the segments named by the variable `segments` into observations.
insert into observations
select seq, time_ns, type, source, queue, causation_seq, correlation_seq, commit_seq, data
from read_json(
    getvariable('segments'),
    format = 'newline_delimited',
    -- LINE_BYTES_MAX of the log.
    maximum_object_size = 1048576,
    columns = {
        seq: 'bigint',
        time_ns: 'bigint',
        type: 'varchar',
        source: 'varchar',
        queue: 'varchar',
        causation_seq: 'bigint',
        correlation_seq: 'bigint',
        commit_seq: 'bigint',
        data: 'json'
    }
);
