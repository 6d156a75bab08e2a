-- learned: changes of the pattern memory.
-- Grain: one row per pattern.learned.
-- Columns:
--   confirmed                            false: the feedback said that the pattern was not there
--   match_count                          feedbacks about this pattern so far, this one included
--   confidence_before, confidence_after  0 to 1, in the kind for this message
create view learned as
select
    seq,
    time_ns,
    correlation_seq,
    data ->> '$.pattern_id' as pattern_id,
    data ->> '$.kind' as kind,
    data ->> '$.message' as message,
    cast(data ->> '$.confirmed' as boolean) as confirmed,
    cast(data ->> '$.match_count' as bigint) as match_count,
    cast(data ->> '$.confidence_before' as double) as confidence_before,
    cast(data ->> '$.confidence_after' as double) as confidence_after
from events
where type = 'pattern.learned';
