-- The view of the same name, computed once for a session that asks it often.
create temp table told as from main.told;
