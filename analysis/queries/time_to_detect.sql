-- title: From the first report of an incident to its detection
-- grain: one row per kind that labels telemetry
-- An incident is all telemetry of one label whose message is the same but for its numbers, by the rule of
-- WITNESS (agents/text.py). One that recurs is detected later than it was first reported if WITNESS had to
-- learn it.
-- columns:
--   kind
--   incident_count       incidents of the kind
--   report_count         telemetry about these
--   detected_count       of the incidents, published as the kind at least once
--   at_first_count       of these, at their first report
--   mean_report          of the detected, at which report on average: 1 is the first
--   p50_s, p90_s, max_s  seconds of bus time from the first report to the first detection, of the detected;
--                        percentiles are values that occurred
with reports as (
    select
        truths.label as kind,
        -- What differs only in numbers and in hexadecimal names is one incident; a lone 0 stays. The pattern
        -- of mask_numbers, without looking ahead: what may follow a 0 is taken and put back, and seven digits
        -- are spelled out by where the first decimal one is. What differs: a hexadecimal name right behind a
        -- letter beyond ASCII is masked here and not there.
        regexp_replace(
            left(telemetry.message, 4000),
            '[^\P{Nd}0][\p{Nd}a-fA-F]*|0[\p{Nd}a-fA-F]+|0([\pL\pN_.])'
            || '|\b(?:[a-f]\p{Nd}[\p{Nd}a-f]{5,}|[a-f]{2}\p{Nd}[\p{Nd}a-f]{4,}|[a-f]{3}\p{Nd}[\p{Nd}a-f]{3,}'
            || '|[a-f]{4}\p{Nd}[\p{Nd}a-f]{2,}|[a-f]{5}\p{Nd}[\p{Nd}a-f]+|[a-f]{6,}\p{Nd}[\p{Nd}a-f]*)',
            '#\1',
            'g'
        ) as incident,
        telemetry.seq,
        telemetry.time_ns,
        decisions.time_ns as detected_ns
    from truths
    join telemetry on telemetry.seq = truths.telemetry_seq
    left join decisions
        on decisions.telemetry_seq = telemetry.seq
        and decisions.published
        and decisions.kind = truths.label
    where truths.label != 'none'
),
numbered as (
    select *, row_number() over (partition by kind, incident order by seq) as report from reports
),
incidents as (
    select
        kind,
        incident,
        count(*) as report_count,
        min(report) filter (where detected_ns is not null) as detected_report,
        min(detected_ns) - min(time_ns) as wait_ns
    from numbered
    group by all
)
select
    kind,
    count(*) as incident_count,
    sum(report_count)::bigint as report_count,
    count(detected_report) as detected_count,
    count_if(detected_report = 1) as at_first_count,
    round(avg(detected_report), 3) as mean_report,
    seconds(quantile_disc(wait_ns, 0.5)) as p50_s,
    seconds(quantile_disc(wait_ns, 0.9)) as p90_s,
    seconds(max(wait_ns)) as max_s
from incidents
group by kind
order by kind;
