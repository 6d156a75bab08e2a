-- title: Money spent, call by call
-- grain: one row per model call that cost money
-- columns:
--   seq            of the call
--   elapsed_hours  hours since the start
--   agent
--   cost_usd       US dollars, of this call
--   spent_usd      US dollars, up to and with this call
select
    budget.seq,
    hours(time_ns - start_ns) as elapsed_hours,
    agent,
    usd(cost_nanousd) as cost_usd,
    usd(spent_nanousd) as spent_usd
from budget
cross join (select start_ns from run)
where cost_nanousd > 0
order by budget.seq;
