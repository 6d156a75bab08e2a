-- The limits of the run's scenario for the invariants, as JSON: {name: {subject: value}}. See
-- judged/010_limits.sql.
set variable limits = $value;
