-- counts: how much was told to WITNESS, and what it made of that.
-- Grain: one row per run.
-- Columns:
--   feedback_count   answers that came
--   confirmed_share  0 to 1, of these: how many say that the kind was there; null if none came
--   learned_count    changes of the pattern memory
--   imported_count   patterns that the run began with, from another run
create table counts (
    arm varchar,
    seed bigint,
    feedback_count bigint,
    confirmed_share double,
    learned_count bigint,
    imported_count bigint
);
