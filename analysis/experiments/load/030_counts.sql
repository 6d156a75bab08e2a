-- Fills the table counts from the events of one run; see schema/020_counts.sql.
insert into counts
select
    arm,
    seed,
    count_if(type = 'feedback.given') as feedback_count,
    avg(cast(confirmed as integer)) filter (where type = 'feedback.given') as confirmed_share,
    count_if(type = 'pattern.learned') as learned_count,
    count_if(type = 'pattern.imported') as imported_count
from events
group by all;
