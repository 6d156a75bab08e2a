-- title: Costs equal the ledger
-- level: mandatory
-- target: money on the log adds up and stays within the grants and the budget
-- A call costs its tokens at the price of its tier, and never more than was reserved. What an agent spent
-- before a call and what it reserves for it are within its grant. Grants and prices are those of the
-- scenario, where it is known.

-- :population
select count(*) from events;

-- :violations
with grants as (
    select subject as agent, max(limit_value) as granted_nanousd
    from limits
    where limit_name = 'budget_granted_nanousd'
    group by subject
),
prices as (
    select
        subject as tier,
        max(limit_value) filter (where limit_name = 'input_nanousd_per_token') as input_price,
        max(limit_value) filter (where limit_name = 'output_nanousd_per_token') as output_price
    from limits
    group by subject
),
calls as (
    select
        seq,
        agent,
        tier,
        input_tokens,
        output_tokens,
        reserved_nanousd,
        cost_nanousd,
        sum(cost_nanousd) over (order by seq rows unbounded preceding) as spent_nanousd,
        sum(cost_nanousd) over (partition by agent order by seq rows unbounded preceding) as agent_nanousd
    from model_calls
),
crossings as (
    select
        seq,
        causation_seq,
        cast(data ->> '$.percent' as bigint) as percent,
        cast(data ->> '$.spent_nanousd' as bigint) as spent_nanousd,
        cast(data ->> '$.budget_nanousd' as bigint) as budget_nanousd
    from events
    where type = 'budget.threshold_crossed'
)
select seq, agent as subject,
    printf('reserved %d of %d left', reserved_nanousd, granted_nanousd - agent_nanousd + cost_nanousd)
    as problem
from calls join grants using (agent)
where agent_nanousd - cost_nanousd + reserved_nanousd > granted_nanousd
union all
select seq, agent, printf('cost %d, reserved %d', cost_nanousd, reserved_nanousd)
from calls where cost_nanousd > reserved_nanousd
union all
select seq, agent,
    printf('%d + %d tokens cost %d', input_tokens, output_tokens, cost_nanousd)
from calls join prices using (tier)
where cost_nanousd != input_tokens * input_price + output_tokens * output_price
union all
select seq, agent, printf('the budget of %d is overrun: %d spent', budget_nanousd, spent_nanousd)
from calls cross join run
where spent_nanousd > budget_nanousd
union all
select crossings.seq, printf('%d %%', percent),
    printf('%d in the ledger, %d in the calls', crossings.spent_nanousd, coalesce(calls.spent_nanousd, 0))
from crossings
left join calls on calls.seq = crossings.causation_seq
where crossings.spent_nanousd is distinct from calls.spent_nanousd
union all
select crossings.seq, printf('%d %%', percent), 'another budget than the run has, or not that share of it'
from crossings cross join run
where crossings.budget_nanousd != run.budget_nanousd
    or crossings.spent_nanousd * 100::hugeint < percent * run.budget_nanousd::hugeint
union all
select min(seq), printf('%d %%', percent), printf('told %d times', count(*))
from crossings group by percent having count(*) > 1
union all
select max(calls.seq), printf('%d %%', shares.percent), 'passed and not told'
from calls
cross join run
cross join (values (50), (75), (90), (100)) as shares(percent)
where run.budget_nanousd > 0 and shares.percent not in (select percent from crossings)
group by shares.percent
having max(spent_nanousd) * 100 >= shares.percent * max(run.budget_nanousd)::hugeint
order by all;
