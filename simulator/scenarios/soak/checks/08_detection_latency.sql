-- title: Detection latency
-- level: performance
-- target: less than 2 seconds on average, from the telemetry to the decision

-- :population
select count(*) from detections;

-- :measure
select avg(latency_ns) / 1e9 as value, 2.0 as target, value < 2.0 as passed from detections;

-- :finding
select printf('%.3f s average', avg(latency_ns) / 1e9) from detections;
