-- differences: each arm less the baseline, seed by seed.
-- Grain: one row per run of an arm that is not the baseline, figure and part of the run.
-- Columns:
--   measure     accuracy or balanced accuracy
--   part        `all`, or `q1` to `q4` for the quarters
--   difference  from -1 to 1, of the run's figure and that of the baseline's run with the same seed
create view differences as
with figures as (
    select
        arm,
        seed,
        unnest([
            {measure: 'accuracy', part: 'all', figure: accuracy},
            {measure: 'accuracy', part: 'q1', figure: q1},
            {measure: 'accuracy', part: 'q2', figure: q2},
            {measure: 'accuracy', part: 'q3', figure: q3},
            {measure: 'accuracy', part: 'q4', figure: q4},
            {measure: 'balanced accuracy', part: 'all', figure: balanced_accuracy},
            {measure: 'balanced accuracy', part: 'q1', figure: balanced_q1},
            {measure: 'balanced accuracy', part: 'q2', figure: balanced_q2},
            {measure: 'balanced accuracy', part: 'q3', figure: balanced_q3},
            {measure: 'balanced accuracy', part: 'q4', figure: balanced_q4}
        ], recursive := true)
    from run_figures
)
select treated.arm, treated.seed, treated.measure, treated.part, treated.figure - base.figure as difference
from figures as treated
join figures as base
    on base.seed = treated.seed and base.measure = treated.measure and base.part = treated.part
where base.arm = getvariable('baseline') and treated.arm != base.arm;
