-- title: Detections that look like what earlier runs learned
-- grain: one row per detection whose nearest known pattern came from an earlier run and says much the same
-- columns:
--   seq              the detection
--   hours            since the start of the run, bus time
--   kind             as detected
--   confidence       0 to 1
--   similarity       0 to 1, of the message to the pattern; from 0.5 on a pattern counts as evidence
--   message          of the telemetry
--   pattern_id       the pattern
--   pattern_message  its example
--   first_run, first_seq             the run that taught it first: folder and digest; seq on its log
--   last_run, last_seq               the earlier run whose feedback touched it last
--   confirmed_count, refuted_count   feedbacks of earlier runs about it
with imported as (
    select
        data ->> '$.pattern_id' as pattern_id,
        data ->> '$.message' as pattern_message,
        data ->> '$.first_run' as first_run,
        cast(data ->> '$.first_seq' as bigint) as first_seq,
        data ->> '$.last_run' as last_run,
        cast(data ->> '$.last_seq' as bigint) as last_seq,
        cast(data ->> '$.confirmed_count' as bigint) as confirmed_count,
        cast(data ->> '$.refuted_count' as bigint) as refuted_count
    from events
    where type = 'pattern.imported'
),
forgotten as (
    select data ->> '$.pattern_id' as pattern_id, min(seq) as forgotten_seq
    from events
    where type = 'pattern.forgotten'
    group by all
),
matched as (
    select
        seq,
        time_ns,
        data ->> '$.kind' as kind,
        cast(data ->> '$.confidence' as double) as confidence,
        cast(data ->> '$.similarity' as double) as similarity,
        data ->> '$.message' as message,
        data ->> '$.nearest_pattern' as pattern_id
    from events
    where type = 'pattern.detected'
)
select
    seq,
    hours(time_ns - (select start_ns from run)) as hours,
    kind,
    confidence,
    similarity,
    message,
    pattern_id,
    pattern_message,
    first_run,
    first_seq,
    last_run,
    last_seq,
    confirmed_count,
    refuted_count
from matched
join imported using (pattern_id)
left join forgotten using (pattern_id)
where similarity >= 0.5 and seq < coalesce(forgotten_seq, seq + 1)
order by seq;
