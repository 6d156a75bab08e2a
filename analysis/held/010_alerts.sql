-- The view of the same name, computed once for a session that asks it often.
create temp table alerts as from main.alerts;
