-- title: Budget
-- level: mandatory
-- target: never overrun, whatever models bill

-- :population
select count(*) from model_calls;

-- :violations
select seq, agent as subject, printf('%.4f USD spent', spent_nanousd / 1e9) as problem
from budget
where remaining_nanousd < 0
order by all;

-- :finding
select printf('%.4f of %.2f USD spent', max(spent_nanousd) / 1e9, max(budget_nanousd) / 1e9) from budget;
