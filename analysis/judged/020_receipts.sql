-- receipts: what became of deliveries, beside the events that were delivered.
-- Grain: one row per attempt, dead letter and copy without effect.
-- Columns:
--   outcome                    acknowledged, failed, dead_lettered or deduplicated
--   queue                      as the receipt says it; event_queue as the delivered event does
--   cause                      of a dead letter; see the view deliveries
--   event_seq, event_ns        the event that was delivered and its moment, null if there is none
--   *_ns                       nanoseconds since the Unix epoch; 0 or null if no consumer saw it
create or replace temp table receipts as
select
    receipt.* exclude (cause),
    case
        when outcome != 'dead_lettered' then null
        else coalesce(cause, if(attempt = 0, 'queue_full', 'attempts_max'))
    end as cause,
    delivered.queue as event_queue,
    delivered.time_ns as event_ns
from (
    select
        seq,
        time_ns,
        commit_seq,
        source,
        type[10:] as outcome,
        causation_seq as event_seq,
        unnest(from_json(data, '{
            "queue": "VARCHAR", "attempt": "BIGINT", "arrived_ns": "BIGINT", "started_ns": "BIGINT",
            "finished_ns": "BIGINT", "cause": "VARCHAR"
        }'))
    from events
    where type in (
        'delivery.acknowledged', 'delivery.failed', 'delivery.dead_lettered', 'delivery.deduplicated'
    )
) as receipt
left join events as delivered on delivered.seq = receipt.event_seq;
