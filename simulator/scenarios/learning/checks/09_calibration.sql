-- title: Calibration
-- level: performance
-- target: an expected calibration error of at most 0.05, in ten bins
-- What is compared is the confidence in the likeliest label and how often that label was right, whether or
-- not it was published; see the query `calibration`.

-- :population
select count(*) from graded where confidence is not null;

-- :measure
select
    sum(abs(right_share - mean_confidence) * answer_count) / sum(answer_count) as value,
    0.05 as target,
    value <= 0.05 as passed
from (
    select
        avg(cast(kind = label as integer)) as right_share,
        avg(confidence) as mean_confidence,
        count(*) as answer_count
    from graded
    where confidence is not null
    group by least(floor(confidence * 10), 9)
);

-- :finding
select printf('%d answers, %.3f mean confidence', count(*), avg(confidence))
from graded
where confidence is not null;
