-- confidence_halves: did WITNESS become surer of a kind?
-- Grain: one row per kind with at least two published detections.
-- Columns:
--   detection_count          published detections of the kind
--   first_half, second_half  0 to 1, mean confidence of its earlier and later detections; the middle one of
--                            an odd number is later
create view confidence_halves as
select
    kind,
    count(*) as detection_count,
    avg(confidence) filter (where position <= kind_count // 2) as first_half,
    avg(confidence) filter (where position > kind_count // 2) as second_half
from (
    select
        kind,
        confidence,
        row_number() over (partition by kind order by seq) as position,
        count(*) over (partition by kind) as kind_count
    from decisions
    where published
)
where kind_count >= 2
group by kind;
