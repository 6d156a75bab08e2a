-- Fills the table answers from the events of one run; see schema/010_answers.sql.
insert into answers
select
    telemetry.arm,
    telemetry.seed,
    cast(row_number() over run_order as integer) as position,
    cast(ntile(4) over run_order as tinyint) as quarter,
    cast((row_number() over run_order - 1) // 100 + 1 as integer) as block,
    telemetry.message_digest,
    truth.label,
    decision.kind,
    decision.confidence,
    coalesce(decision.type = 'pattern.detected', false) as published,
    cast(
        coalesce(
            if(decision.type = 'pattern.detected', decision.kind, 'none') = truth.label
            and decision.seq is not null,
            false
        ) as tinyint
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
