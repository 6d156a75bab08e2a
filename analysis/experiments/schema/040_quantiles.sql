-- t_quantiles: the two-sided 95 % quantiles of Student's t.
-- Grain: one row per number of degrees of freedom that is tabled. One that is not takes the quantile of the
-- next smaller, which makes the interval a little wider.
-- Source: NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.6.7.2, critical values of Student's t,
-- column 0.975.
create table t_quantiles as
select degree_count, quantile
from (
    values
        (1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (6, 2.447), (7, 2.365), (8, 2.306),
        (9, 2.262), (10, 2.228), (11, 2.201), (12, 2.179), (13, 2.160), (14, 2.145), (15, 2.131),
        (16, 2.120), (17, 2.110), (18, 2.101), (19, 2.093), (20, 2.086), (21, 2.080), (22, 2.074),
        (23, 2.069), (24, 2.064), (25, 2.060), (26, 2.056), (27, 2.052), (28, 2.048), (29, 2.045),
        (30, 2.042), (40, 2.021), (50, 2.009), (60, 2.000), (70, 1.994), (80, 1.990), (90, 1.987),
        (100, 1.984)
) as tabled(degree_count, quantile);
-- Of one sample size; null below two.
create macro t_quantile(sample_count) as (
    select quantile from t_quantiles where degree_count < sample_count order by degree_count desc limit 1
);
