-- Numbers of people and devices are never given twice, also by a database that was restored; what
-- must survive a restore stands in the ledger, a file outside the database.

create table number_given (
    -- device, person
    numbers text primary key,
    -- the highest one given; a copy that `fieldbook backup` made says the end of the block
    given integer not null,
    -- the end of the block that the ledger holds
    reserved integer not null
) without rowid;
insert into number_given (numbers, given, reserved) values
    ('device', (select coalesce(max(device), 0) from device), 0),
    ('person', (select coalesce(max(person), 0) from person), 0);

-- Lines that a transaction owes the ledger: written there before it commits, then gone.
create table ledger_due (
    id integer primary key,
    -- JSON of ledger::Event
    event text not null
);

-- The contact at which a device told its highest number: a message that tells less and was sent
-- later is of an earlier copy of its store. Null where a hand-over told it, or an earlier version
-- of the server heard it.
alter table device add column told_boot blob;
alter table device add column told_monotonic_ms integer;
alter table device add column told_ms integer;

-- Cases that concern a device and not one record.
create index desk_case_of_device on desk_case (device, kind) where closed_ms is null;
