-- budget: the running ledger.
-- Grain: one row per model call, in order.
-- Columns: money in nano-US-dollars
--   spent_nanousd      spent up to and with this call
--   remaining_nanousd  of the budget; negative once it is exceeded
create view budget as
select
    model_calls.seq,
    model_calls.time_ns,
    model_calls.agent,
    model_calls.cost_nanousd,
    cast(sum(model_calls.cost_nanousd) over (order by model_calls.seq) as bigint) as spent_nanousd,
    run.budget_nanousd,
    run.budget_nanousd
    - cast(sum(model_calls.cost_nanousd) over (order by model_calls.seq) as bigint) as remaining_nanousd
from model_calls
cross join run;
