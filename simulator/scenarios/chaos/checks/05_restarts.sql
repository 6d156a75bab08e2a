-- title: Restarts
-- level: mandatory
-- target: an agent that was taken away is back within 5 minutes, or at the healing if its supervisor gave up
-- A hanging agent is noticed after 3 minutes.

-- :population
select count(*) from events;

-- :violations
select fault_seq as seq, agent as subject,
    coalesce(printf('away for %.0f s', (up_ns - frozen_ns) / 1e9), 'did not come back') as problem
from outages
left join (select min(time_ns) as healed_ns from events where type = 'faults.healed') as healed on true
where up_ns is null
    or if(gave_up, up_ns > healed_ns or healed_ns is null, up_ns - frozen_ns > 300000000000)
order by all;

-- :finding
select printf(
    '%d outages, the longest %.0f s, %d until the healing',
    count(*),
    coalesce(max(up_ns - frozen_ns) filter (where not gave_up), 0) / 1e9,
    count_if(gave_up)
)
from outages;
