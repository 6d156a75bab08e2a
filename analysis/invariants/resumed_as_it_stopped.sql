-- title: Taken up again as it stopped
-- level: mandatory
-- target: a run that was taken up again goes on with the deliveries and the money that its log has
-- Compares the observation run.resumed with what is folded from the log up to the event that it names.

-- :population
select count(*) from events;

-- :violations
with resumed as (
    select
        after_seq,
        spent_nanousd,
        cast(pending_counts as map(varchar, bigint)) as pending_counts
    from resumptions
    where what = 'resumed'
),
said as (
    select after_seq, unnest(map_entries(pending_counts)) as pending from resumed
),
changes as (
    select seq, queue, 1 as change from events where queue is not null and exists (from resumed)
    union all
    select seq, queue, -1
    from receipts
    where outcome in ('acknowledged', 'dead_lettered') and exists (from resumed)
),
folded as (
    select after_seq, queue, sum(change) as pending_count
    from resumed
    join changes on changes.seq <= resumed.after_seq
    group by after_seq, queue
)
select said.after_seq as seq, said.pending.key as subject,
    printf('%d pending, by the log %d', said.pending.value, coalesce(pending_count, 0)) as problem
from said
left join folded on folded.after_seq = said.after_seq and folded.queue = said.pending.key
where said.pending.value != coalesce(pending_count, 0)
union all
select after_seq, 'ledger',
    printf('%d nanousd spent, by the log %d', resumed.spent_nanousd, coalesce(costs, 0))
from (
    select
        after_seq,
        resumed.spent_nanousd,
        (select sum(cost_nanousd) from model_calls where model_calls.seq <= resumed.after_seq) as costs
    from resumed
) as resumed
where resumed.spent_nanousd != coalesce(costs, 0)
union all
select after_seq, 'log', 'taken up behind its end'
from resumed
where after_seq > (select max(seq) from events)
order by all;
