-- title: Every fault that was injected
-- grain: one row per fault.injected, in order
-- columns:
--   elapsed           HH:MM:SS since the start
--   seq, event_seq    the fault, and the event that it hit; null for a fault of an agent, a store or a clock
--   rule, kind        of the scenario
--   target            the queue, agent, model or file that it hit
--   lasts_s           seconds it lasts or delays; 0 where that has no meaning
select
    clock(time_ns - start_ns) as elapsed,
    seq,
    event_seq,
    rule,
    kind,
    target,
    seconds(lasts_ns) as lasts_s
from faults
cross join (select start_ns from run)
order by seq;
