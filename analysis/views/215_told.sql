-- told: telemetry worth telling people about: all but what WITNESS found to be nothing.
-- Grain: one row per telemetry that was taken for something or never decided on (more than one, if there were
-- several decisions).
-- Columns: telemetry_seq
create view told as
select telemetry_seq from decisions where kind != 'none'
union all
select telemetry.seq from telemetry anti join decisions on decisions.telemetry_seq = telemetry.seq;
