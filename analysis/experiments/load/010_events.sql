-- events: what an experiment needs of the log of the run that is being loaded, and no more.
-- Grain: one row per event of the types below.
-- Columns: those of the log, null where a type has no such field, and
--   arm, seed       of the run, as the path of its folder says: arms/ARM/seed-SEED/events/
--   message_digest  of the message of telemetry: the lower half of its MD5
--   label           of truth
--   kind, confidence  of an answer of WITNESS
--   confirmed       of feedback
create or replace temp table events as
select
    place.arm as arm,
    cast(place.seed as bigint) as seed,
    seq,
    type,
    causation_seq,
    if(type = 'telemetry.received', md5_number_lower(data ->> '$.message'), null) as message_digest,
    data ->> '$.label' as label,
    if(
        type in ('pattern.detected', 'telemetry.dismissed'), data ->> '$.kind', null
    ) as kind,
    cast(data ->> '$.confidence' as double) as confidence,
    cast(data ->> '$.confirmed' as boolean) as confirmed
from (
    select
        regexp_extract(
            filename, '[/\\]arms[/\\]([^/\\]+)[/\\]seed-(\d+)[/\\]events[/\\]', ['arm', 'seed']
        ) as place,
        *
    from read_json(
        getvariable('segments'),
        format = 'newline_delimited',
        filename = true,
        -- LINE_BYTES_MAX of the log.
        maximum_object_size = 1048576,
        columns = {
            seq: 'bigint',
            type: 'varchar',
            causation_seq: 'bigint',
            data: 'json'
        }
    )
    where type in (
        'telemetry.received', 'truth.labelled', 'pattern.detected', 'telemetry.dismissed', 'feedback.given',
        'pattern.learned', 'pattern.imported'
    )
);
