-- The nearest share, 0 to 1; null stays null, which greatest and least alone would pass over.
create macro as_share(value) as if(value is null, null, least(greatest(value, 0), 1));
