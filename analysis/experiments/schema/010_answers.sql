-- answers: what WITNESS said of every labelled record, before anybody told it anything about that record.
-- Grain: one row per labelled telemetry of each run.
-- Columns:
--   position    of the telemetry among the labelled ones of its run, from 1, in the order of the log
--   quarter     1 to 4, of these
--   block       from 1, stretches of 100 of these; the last is shorter
--   message_digest  of the telemetry's message
--   label       what it is: one of the five kinds, or `none`
--   kind        the likeliest, or `none`; null if WITNESS said nothing
--   confidence  0 to 1, in that
--   published   whether it was a detection
--   correct     1 if the label was said (`none` for what was dismissed), else 0, also if WITNESS said nothing
create table answers (
    arm varchar,
    seed bigint,
    position integer,
    quarter tinyint,
    block integer,
    message_digest ubigint,
    label varchar,
    kind varchar,
    confidence double,
    published boolean,
    correct tinyint
);
