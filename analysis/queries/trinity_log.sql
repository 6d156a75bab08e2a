-- title: The story of the run, for trinity.log
-- grain: one row per event worth telling: everything but heartbeats, metrics, labels, and telemetry that
--   WITNESS found to be nothing, with its delivery; between the variables after_seq and until_seq
-- columns:
--   timestamp        UTC, to the microsecond
--   level            INFO, WARNING or ERROR
--   source           who published it
--   event            its type
--   seq, causation_seq, correlation_seq
--   queue            it was put on, or acknowledged from
--   processing_ms    milliseconds the handling or the model call took; null for other events
--   data             its body, JSON
with story as (
    select
        *,
        case
            when type = 'telemetry.received' then seq
            when type = 'telemetry.dismissed' then causation_seq
            when type = 'delivery.acknowledged'
                and data ->> '$.queue' in (
                    select distinct queue from events where type = 'telemetry.received'
                )
                then causation_seq
        end as telemetry_seq
    from events
    where type not in ('agent.heartbeat', 'metrics.sampled', 'truth.labelled')
        and seq > coalesce(getvariable('after_seq'), 0)
        and seq <= coalesce(getvariable('until_seq'), 9223372036854775807)
)
select
    strftime(make_timestamp(time_ns // 1000), '%Y-%m-%dT%H:%M:%S.%fZ') as timestamp,
    case
        when type in ('delivery.dead_lettered', 'publication.refused')
            -- A crash that a fault rule made has a cause.
            or (type = 'agent.crashed' and causation_seq is null)
            or (type = 'run.finished' and data ->> '$.status' = 'failed')
            or (type = 'budget.threshold_crossed' and cast(data ->> '$.percent' as bigint) >= 100)
            then 'ERROR'
        when type in (
            'agent.crashed', 'agent.refused', 'budget.threshold_crossed', 'delivery.failed',
            'delivery.redelivered', 'fault.injected', 'limit.reached', 'task.failed'
        )
            or (type = 'model.called' and data ->> '$.status' != 'ok') then 'WARNING'
        else 'INFO'
    end as level,
    source,
    type as event,
    seq,
    causation_seq,
    correlation_seq,
    if(starts_with(type, 'delivery.'), data ->> '$.queue', queue) as queue,
    case
        when type in ('delivery.acknowledged', 'delivery.failed')
            then ms(cast(data ->> '$.finished_ns' as bigint) - cast(data ->> '$.started_ns' as bigint))
        when type = 'model.called' then ms(cast(data ->> '$.latency_ns' as bigint))
    end as processing_ms,
    data
from story
where telemetry_seq is null or telemetry_seq in (select telemetry_seq from told)
order by seq;
