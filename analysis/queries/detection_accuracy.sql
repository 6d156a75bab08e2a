-- title: How often WITNESS was right
-- grain: one row
-- columns:
--   labelled_count     telemetry with a label
--   correct_count      of these, decided as labelled
--   undecided_count    of these, never decided; they count as wrong
--   accuracy           0 to 1; null without labels
--   balanced_accuracy  0 to 1, mean of the recalls of the labels that occur, so that frequent noise weighs
--                      no more than a rare kind
--   actionable_count   labelled with one of the five kinds
--   detected_count     of these, published as a detection of any kind
select
    sum(label_count)::bigint as labelled_count,
    sum(correct_count)::bigint as correct_count,
    sum(undecided_count)::bigint as undecided_count,
    round(sum(correct_count) / sum(label_count), 6) as accuracy,
    round(avg(correct_count / label_count), 6) as balanced_accuracy,
    (sum(label_count) filter (where label != 'none'))::bigint as actionable_count,
    (sum(detected_count) filter (where label != 'none'))::bigint as detected_count
from (
    select
        label,
        count(*) as label_count,
        count_if(correct) as correct_count,
        count_if(predicted = 'undecided') as undecided_count,
        count_if(published) as detected_count
    from graded
    group by label
);
