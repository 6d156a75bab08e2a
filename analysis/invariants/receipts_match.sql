-- title: Receipts match their deliveries
-- level: mandatory
-- target: a receipt names the queue of its event, comes from its consumer, and its moments are in order

-- :population
select count(*) from events;

-- :violations
select seq, source as subject,
    case
        when event_queue is null then 'a receipt for an event that was on no queue'
        when receipts.queue != event_queue
            then 'queue ' || receipts.queue || ', the event was on ' || event_queue
        when no_consumer and source != 'sequencer' then 'settled what no consumer saw'
        when not no_consumer and consumers.agent is null then 'is no consumer of ' || receipts.queue
        when arrived_ns < event_ns then 'arrived before it was sent'
        when started_ns < arrived_ns then 'started before it arrived'
        when finished_ns <= coalesce(started_ns, arrived_ns - 1) then 'finished before it started'
        else 'on the log before it was finished'
    end as problem
from (
    -- Written before such dead letters said when they were tried: nothing can be compared.
    select
        * replace (
            nullif(arrived_ns, 0) as arrived_ns,
            nullif(started_ns, 0) as started_ns,
            nullif(finished_ns, 0) as finished_ns
        ),
        coalesce(cause in ('queue_full', 'redeliveries_max'), false) as no_consumer
    from receipts
) as receipts
left join consumers on consumers.agent = receipts.source and consumers.queue = receipts.queue
where event_queue is null
    or receipts.queue != event_queue
    or if(no_consumer, source != 'sequencer', consumers.agent is null)
    or arrived_ns < event_ns
    or started_ns < arrived_ns
    or finished_ns <= coalesce(started_ns, arrived_ns - 1)
    or time_ns < finished_ns
order by all;
