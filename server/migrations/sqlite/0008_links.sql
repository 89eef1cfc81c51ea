-- Which record names which: a link is stored once, on the newer record, and walked both ways here.
-- Written with every accepted change, and rebuilt at any time.
create table link (
    record blob not null,
    -- the member, field or fact that names it
    field text not null,
    -- here or not
    target blob not null,
    -- the record is to be told when its target, an outage, is over, and was not told yet
    waits integer not null,
    primary key (record, field, target)
) without rowid;
create index link_target on link (target, field);
create index link_waits on link (target) where waits = 1;

insert into link (record, field, target, waits)
    select record, 'contact', contact, 0 from work_order where contact is not null;
insert into link (record, field, target, waits)
    select record, 'plan', plan, 0 from patrol_round where plan is not null;
insert into link (record, field, target, waits)
    select record, 'round', round, 0 from alarm where round is not null;
insert into link (record, field, target, waits)
    select record, 'round', round, 0 from violation where round is not null;
