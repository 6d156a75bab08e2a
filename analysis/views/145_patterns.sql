-- patterns: what the pattern memory held of this run's own lessons and of earlier runs'.
-- Grain: one row per pattern that feedback of this or an earlier run touched; one more for each time that it
-- was learned again after it was forgotten. Prototypes that nobody spoke of are not on the log.
-- Columns:
--   message                            the example
--   confirmed_count, refuted_count     feedbacks, those of earlier runs included
--   first_run, first_seq               the run that taught it first, and the seq of its lesson there;
--                                      first_run is null if it was this run
--   last_run, last_seq                 the same of the last feedback
--   is_imported                        an earlier run taught it
--   imported_confirmed_count, imported_refuted_count  feedbacks of earlier runs
--   forgotten_seq, is_forgotten        the event that took it from the memory; null if none did
create view patterns as
with changes as (
    select
        seq,
        type,
        data ->> '$.pattern_id' as pattern_id,
        data ->> '$.kind' as kind,
        data ->> '$.message' as message,
        cast(data ->> '$.confirmed' as boolean) as confirmed,
        coalesce(cast(data ->> '$.confirmed_count' as bigint), 0) as confirmed_count,
        coalesce(cast(data ->> '$.refuted_count' as bigint), 0) as refuted_count,
        data ->> '$.first_run' as first_run,
        cast(data ->> '$.first_seq' as bigint) as first_seq,
        data ->> '$.last_run' as last_run,
        cast(data ->> '$.last_seq' as bigint) as last_seq
    from events
    where type in ('pattern.imported', 'pattern.learned', 'pattern.forgotten')
),
lives as (
    select
        *,
        type = 'pattern.imported' as imports,
        type = 'pattern.learned' as learns,
        coalesce(
            count(*) filter (where type = 'pattern.forgotten') over (
                partition by pattern_id order by seq rows between unbounded preceding and 1 preceding
            ),
            0
        ) as life
    from changes
)
select
    pattern_id,
    any_value(kind) as kind,
    arg_min(message, seq) as message,
    cast(sum(confirmed_count) as bigint) + count(*) filter (where learns and confirmed) as confirmed_count,
    cast(sum(refuted_count) as bigint) + count(*) filter (where learns and not confirmed) as refuted_count,
    any_value(first_run) as first_run,
    coalesce(any_value(first_seq), min(seq) filter (where learns)) as first_seq,
    case when bool_or(learns) then null else any_value(last_run) end as last_run,
    coalesce(max(seq) filter (where learns), any_value(last_seq)) as last_seq,
    bool_or(imports) as is_imported,
    cast(sum(confirmed_count) as bigint) as imported_confirmed_count,
    cast(sum(refuted_count) as bigint) as imported_refuted_count,
    max(seq) filter (where not imports and not learns) as forgotten_seq,
    forgotten_seq is not null as is_forgotten
from lives
group by pattern_id, life;
