-- The view of the same name, computed once.
create or replace temp table outages as from main.outages;
