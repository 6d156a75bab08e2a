-- title: Handlings are committed whole
-- level: mandatory
-- target: what an agent publishes is in the commit of one receipt and has the same cause

-- :population
select count(*) from events;

-- :violations
select events.seq, events.source as subject,
    case
        when receipt.commit_seq is null then events.type || ' in a commit without a receipt'
        when receipt.receipt_count > 1 then printf('%d receipts in one commit', receipt.receipt_count)
        when events.seq < receipt.seq then events.type || ' in front of the receipt'
        else printf('caused by event %d, the receipt by %d', events.causation_seq, receipt.event_seq)
    end as problem
from events
left join (
    select commit_seq, min(seq) as seq, min(event_seq) as event_seq, count(*) as receipt_count
    from receipts
    where source != 'sequencer'
    group by commit_seq
) as receipt using (commit_seq)
where events.source not in ('sequencer', 'workload', 'reviewer')
    and events.type not in ('agent.started', 'agent.stopped')
    and (
        receipt.commit_seq is null
        or receipt.receipt_count > 1
        or events.seq < receipt.seq
        or events.causation_seq is distinct from receipt.event_seq
    )
order by all;
