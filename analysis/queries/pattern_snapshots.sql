-- title: Detections and learning at each snapshot
-- grain: one row per snapshot interval that the run reached, from 0
-- columns:
--   elapsed_ns           nanoseconds since the start
--   timestamp            UTC
--   total                detections published so far
--   by_type              the same by kind, as a map
--   average_confidence   0 to 1, of them; null without detections
--   total_patterns       patterns learned so far
--   new_patterns         of these, since the snapshot before
--   confidence_trend     mean confidence of the later half of the detections so far less that of the
--                        earlier half; null below two
with snapshots as (
    select elapsed_ns, time_ns from sample_times where purpose = 'snapshot'
),
-- Running totals, one row per detection; the snapshot takes the last one of the last moment.
published as (
    select
        time_ns,
        kind,
        row_number() over (order by seq) as detection_count,
        sum(confidence) over (order by seq rows unbounded preceding) as confidence_sum
    from decisions
    where published
),
kinds as (
    select unnest([
        'critical_error', 'constitution_violation', 'feature_request', 'duplication', 'flaky_test'
    ]) as kind
),
kind_totals as (
    select kind, time_ns, max(position) as kind_count
    from (
        select kind, time_ns, row_number() over (partition by kind order by detection_count) as position
        from published
    )
    group by kind, time_ns
),
by_kind as (
    select wanted.elapsed_ns, wanted.kind, coalesce(kind_count, 0) as kind_count
    from (select * from snapshots cross join kinds) as wanted
    asof left join kind_totals
        on kind_totals.kind = wanted.kind and kind_totals.time_ns <= wanted.time_ns
),
first_learned as (
    select time_ns, max(position) as pattern_count
    from (
        select time_ns, row_number() over (order by time_ns, pattern_id) as position
        from (select pattern_id, min(time_ns) as time_ns from learned group by pattern_id)
    )
    group by time_ns
),
totals as (
    select
        snapshots.elapsed_ns,
        snapshots.time_ns,
        coalesce(detection_count, 0) as detection_count,
        confidence_sum
    from snapshots
    asof left join (
        select
            time_ns,
            max(published.detection_count) as detection_count,
            arg_max(confidence_sum, published.detection_count) as confidence_sum
        from published
        group by time_ns
    ) as moments on moments.time_ns <= snapshots.time_ns
),
patterns as (
    select snapshots.elapsed_ns, coalesce(pattern_count, 0) as pattern_count
    from snapshots
    asof left join first_learned on first_learned.time_ns <= snapshots.time_ns
)
select
    totals.elapsed_ns,
    utc(totals.time_ns) as timestamp,
    totals.detection_count as total,
    kind_maps.by_type,
    round(totals.confidence_sum / nullif(totals.detection_count, 0), 6) as average_confidence,
    pattern_count as total_patterns,
    pattern_count - lag(pattern_count, 1, 0) over (order by totals.elapsed_ns) as new_patterns,
    round(
        (totals.confidence_sum - earlier.confidence_sum)
        / nullif(totals.detection_count - earlier.detection_count, 0)
        - earlier.confidence_sum / nullif(earlier.detection_count, 0),
        6
    ) as confidence_trend
from totals
join patterns using (elapsed_ns)
join (
    select elapsed_ns, map_from_entries(list((kind, kind_count) order by kind)) as by_type
    from by_kind
    group by elapsed_ns
) as kind_maps using (elapsed_ns)
left join published as earlier on earlier.detection_count = totals.detection_count // 2
order by totals.elapsed_ns;
