-- who opened another record of the same unit lately is asked once for each that is opened
create index work_order_unit on work_order (site, unit, created_at_ms) where unit is not null;
create index record_card_twin on record_card (site, unit, created_at_ms)
    where kind = 'reception' and unit is not null;
