-- What the questions are measured against: every column of every event, typed, straight from the segments.
select max(columns(*))
from read_json(
    getvariable('segments'),
    format = 'newline_delimited',
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
