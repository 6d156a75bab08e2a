-- title: No inversion of order
-- level: mandatory
-- target: numbers without gaps, time that never decreases, commits in one piece and of one source

-- :population
select count(*) from events;

-- :violations
select seq, source as subject,
    case
        when seq != seq_before + 1 then printf('follows event %d', seq_before)
        when time_ns < time_ns_before
            then printf('%d ns before the event in front of it', time_ns_before - time_ns)
        when commit_seq < seq then printf('its commit ended at %d', commit_seq)
        when commit_before != seq_before and commit_seq != commit_before
            then printf('the commit in front of it should end at %d', commit_before)
        when commit_before != seq_before and source != source_before
            then 'shares a commit with ' || source_before
        when commit_before != seq_before then 'later than the rest of its commit'
        else printf('begins the log with number %d', seq)
    end as problem
from (
    select
        seq,
        time_ns,
        commit_seq,
        source,
        lag(seq, 1, 0) over log_order as seq_before,
        lag(time_ns, 1, 0) over log_order as time_ns_before,
        lag(commit_seq, 1, 0) over log_order as commit_before,
        lag(source) over log_order as source_before
    from events
    window log_order as (order by seq)
)
where seq != seq_before + 1
    or time_ns < time_ns_before
    or commit_seq < seq
    or (
        commit_before != seq_before
        and (commit_seq != commit_before or source != source_before or time_ns != time_ns_before)
    )
union all
select max(seq), 'log', 'its last commit is not whole'
from events
having max(commit_seq) != max(seq)
order by all;
