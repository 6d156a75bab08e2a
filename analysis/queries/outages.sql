-- title: Times in which a rule took an agent away
-- grain: one row per outage, in order
-- columns:
--   agent, rule, kind
--   frozen_at, down_at, up_at   HH:MM:SS since the start: it does nothing more, its process ended, it is back
--   away_s                      seconds from frozen to back; null if it did not come back
--   failed_restart_count        restarts that did not last
--   gave_up                     the supervisor reached its limit of restarts
select
    agent,
    rule,
    kind,
    clock(frozen_ns - start_ns) as frozen_at,
    clock(down_ns - start_ns) as down_at,
    clock(up_ns - start_ns) as up_at,
    seconds(up_ns - frozen_ns) as away_s,
    failed_restart_count,
    gave_up
from outages
cross join (select start_ns from run)
order by fault_seq;
