-- title: Pattern confidence
-- level: performance
-- target: more than 0.75 on average, of published detections

-- :population
select count(*) from decisions where published;

-- :measure
select avg(confidence) as value, 0.75 as target, value > 0.75 as passed from decisions where published;

-- :finding
select printf('%.3f average of %d detections', avg(confidence), count(*)) from decisions where published;
