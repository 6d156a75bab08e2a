-- title: The budget
-- grain: one row
-- columns:
--   budget_usd, spent_usd, remaining_usd  US dollars
--   spent_share                           0 to 1, above 1 once exceeded; null for a budget of 0
--   crossed_percents                      thresholds crossed, percent
select
    usd(budget_nanousd) as budget_usd,
    usd(spent_nanousd) as spent_usd,
    usd(budget_nanousd - spent_nanousd) as remaining_usd,
    round(spent_nanousd / nullif(budget_nanousd, 0), 6) as spent_share,
    crossed_percents
from run
cross join (select coalesce(sum(cost_nanousd), 0) as spent_nanousd from model_calls)
cross join (
    select coalesce(list(cast(data ->> '$.percent' as bigint) order by seq), []) as crossed_percents
    from events where type = 'budget.threshold_crossed'
);
