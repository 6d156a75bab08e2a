-- title: Cost tracking
-- level: mandatory
-- target: 100 % of model calls on the log with prompt, tokens and price, and the sums agree
-- A call needs a prompt digest and, unless it failed, tokens; local calls are free and cloud calls that
-- answered are not; a call never costs more than was reserved; calls of one handling are numbered without
-- gaps. The money in budget.threshold_crossed is the sum of the calls so far, and each threshold that was
-- passed is on the log. Each task has a call that planned it, and each outcome a call behind it.

-- :population
select count(*) from model_calls;

-- :violations
select seq, agent, problem
from model_calls, lateral (
    select unnest([
        if(prompt_sha256 is null or prompt_sha256 = '', 'no prompt digest', null),
        if(status = 'ok' and input_tokens + output_tokens = 0, 'no tokens', null),
        if(tier = 'local' and cost_nanousd != 0, 'a local call cost money', null),
        if(tier = 'cloud' and status = 'ok' and cost_nanousd = 0, 'a cloud call cost nothing', null),
        if(cost_nanousd > reserved_nanousd, 'cost more than was reserved', null)
    ]) as problem
)
where problem is not null
union all
select min(seq), agent, 'calls of one handling are not numbered 1, 2, ...'
from model_calls
group by commit_seq, agent
having min(call_number) != 1 or max(call_number) != count(*) or count(distinct call_number) != count(*)
union all
select crossed.seq, crossed.source,
    printf('%d nanousd in the ledger, %d in the calls', ledger_nanousd, calls_nanousd)
from (
    select
        seq,
        source,
        causation_seq,
        cast(data ->> '$.spent_nanousd' as bigint) as ledger_nanousd,
        coalesce((
            select sum(cost_nanousd)::bigint from model_calls
            where model_calls.seq <= coalesce(crossing.causation_seq, crossing.seq)
        ), 0) as calls_nanousd
    from events as crossing where type = 'budget.threshold_crossed'
) as crossed
where ledger_nanousd != calls_nanousd
union all
select null, 'sequencer', printf('%d %% of the budget was passed and is not on the log', percent)
from (select unnest([50, 75, 90, 100]) as percent)
cross join run
cross join (select sum(cost_nanousd) as spent_nanousd from model_calls)
where budget_nanousd > 0
    and spent_nanousd * 100 > percent * budget_nanousd::hugeint
    and percent not in (
        select cast(data ->> '$.percent' as bigint) from events where type = 'budget.threshold_crossed'
    )
union all
select seq, source, 'no call planned this task'
from events
where type = 'task.created'
    and commit_seq not in (select commit_seq from model_calls where operation_name = 'plan')
union all
select seq, source, 'no call is behind this outcome'
from events
where type in ('task.completed', 'task.failed') and commit_seq not in (select commit_seq from model_calls)
order by all;

-- :finding
select printf('%d calls tracked, %.4f USD', count(*), sum(cost_nanousd) / 1e9) from model_calls;
