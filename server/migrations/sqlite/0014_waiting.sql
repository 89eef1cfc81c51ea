-- What waits for a decision, and since when.

-- Since when the oldest command of a pack waits: a pack that is held anew is another row.
alter table held_pack add column first_ms integer not null default 0;
update held_pack set first_ms = received_ms;
-- What deciding failed of is not decided again before this.
alter table held_pack add column look_ms integer not null default 0;
create index held_pack_look on held_pack (code, look_ms);
create index held_pack_first on held_pack (first_ms);
create index change_held on change (received_ms) where state = 'held';

-- What the office has said of a command that was kept as it came: accepted, discarded; null while
-- it has said nothing. What is discarded stays.
alter table quarantine add column decision text;
create index quarantine_record on quarantine (record);
