-- answers: what WITNESS said of every labelled record, before anybody told it anything about that record.
-- Grain: one row per labelled telemetry of each run.
-- Columns:
--   position    of the telemetry among the labelled ones of its run, from 1, in the order of the log
--   quarter     1 to 4, of these
--   block       from 1, stretches of 100 of these; the last is shorter
--   message     of the telemetry
--   label       what it is: one of the five kinds, or `none`
--   kind        the likeliest, or `none`; null if WITNESS said nothing
--   confidence  0 to 1, in that
--   published   whether it was a detection
--   correct     1 if the label was said (`none` for what was dismissed), else 0, also if WITNESS said nothing
create table answers as
select
    telemetry.arm,
    telemetry.seed,
    row_number() over run_order as position,
    ntile(4) over run_order as quarter,
    (row_number() over run_order - 1) // 100 + 1 as block,
    telemetry.data ->> '$.message' as message,
    truth.data ->> '$.label' as label,
    decision.data ->> '$.kind' as kind,
    cast(decision.data ->> '$.confidence' as double) as confidence,
    coalesce(decision.type = 'pattern.detected', false) as published,
    cast(
        coalesce(
            if(decision.type = 'pattern.detected', decision.data ->> '$.kind', 'none')
            = (truth.data ->> '$.label')
            and decision.seq is not null,
            false
        ) as integer
    ) as correct
from events as telemetry
join events as truth
    on truth.arm = telemetry.arm and truth.seed = telemetry.seed and truth.causation_seq = telemetry.seq
    and truth.type = 'truth.labelled'
left join events as decision
    on decision.arm = telemetry.arm and decision.seed = telemetry.seed
    and decision.causation_seq = telemetry.seq
    and decision.type in ('pattern.detected', 'telemetry.dismissed')
where telemetry.type = 'telemetry.received'
window run_order as (partition by telemetry.arm, telemetry.seed order by telemetry.seq);
