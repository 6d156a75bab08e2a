-- Small conversions used by views and queries. Inside, money is integer nano-US-dollars and time integer
-- nanoseconds; these make the figures that people read.
create macro usd(nanousd) as round(nanousd / 1e9, 6);
create macro ms(duration_ns) as round(duration_ns / 1e6, 3);
create macro seconds(duration_ns) as round(duration_ns / 1e9, 3);
create macro hours(duration_ns) as round(duration_ns / 3.6e12, 4);
create macro utc(time_ns) as strftime(make_timestamp(cast(time_ns // 1000 as bigint)), '%Y-%m-%dT%H:%M:%SZ');
-- Elapsed time as HH:MM:SS; hours may pass 99.
create macro clock(duration_ns) as printf(
    '%02d:%02d:%02d',
    duration_ns // 3600000000000,
    duration_ns // 60000000000 % 60,
    duration_ns // 1000000000 % 60
);
