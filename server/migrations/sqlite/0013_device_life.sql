-- The number of the device's first command: a person's numbers go on when the phone is enrolled anew.
alter table device add column first_number integer not null default 1;
-- Since when its person has lost it; null while it is at hand. What it has still counts when found.
alter table device add column lost_ms integer;
-- Since when the office has locked it; null while it may come in.
alter table device add column locked_ms integer;
