-- resumptions: how the run was taken up again after it was cut off.
-- Grain: one row per run.resumed and per log.recovered of the observations.
-- Columns:
--   what            resumed or recovered
--   time_ns         bus time, nanoseconds since the Unix epoch
--   after_seq       resumed: the last event that was on the log; else null
--   pending_counts  resumed: JSON, deliveries that are not settled by queue; else null
--   spent_nanousd   resumed: spent so far, nano-US-dollars; else null
--   cut_bytes       recovered: what was cut off the log and kept beside it; else null
--   reason          recovered: why; else null
create view resumptions as
select
    seq,
    time_ns,
    type[5:] as what,
    cast(data ->> '$.after_seq' as bigint) as after_seq,
    data -> '$.pending_counts' as pending_counts,
    cast(data ->> '$.spent_nanousd' as bigint) as spent_nanousd,
    cast(data ->> '$.cut_bytes' as bigint) as cut_bytes,
    data ->> '$.reason' as reason
from observations
where type in ('run.resumed', 'log.recovered');
