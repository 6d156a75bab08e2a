-- title: Learned after predicted
-- level: mandatory
-- target: whatever was learned of a record was learned after WITNESS had decided on it
-- The invariant of the same name holds of every run; here something must have been learned as well.

-- :population
select count(*) from learned;

-- :violations
select learned.seq, learned.kind, 'no earlier decision about the telemetry of its chain' as problem
from learned
anti join decisions
    on decisions.telemetry_seq = learned.correlation_seq
    and decisions.seq < learned.seq
order by all;

-- :finding
select printf('%d lessons, %d of them refuting', count(*), count_if(not confirmed)) from learned;
