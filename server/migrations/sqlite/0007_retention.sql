-- What is purged when its time is over, and what never is: the audit log.

-- A purged record keeps its row and nothing else: its id can never be opened again. Its rows of
-- feed, all of them left, tell phones; they go after 400 days.
alter table record add column purged_ms integer;
alter table record add column purged_site integer;
create index record_purged on record (purged_site, purged_ms) where purged_ms is not null;

-- The last sequence of which a purge is no longer told by feed: who has read less is told all.
alter table site add column forgotten_sequence integer not null default 0;

-- Not looked at again before this, by the job that purges.
alter table contact_card add column look_ms integer not null default 0;
alter table violation add column look_ms integer not null default 0;
create index contact_card_changed on contact_card (site, changed_at_ms);
create index violation_created on violation (site, created_at_ms);

-- Which records name a contact: a contact outlives them.
create table contact_link (
    contact blob not null,
    record blob not null,
    primary key (contact, record)
) without rowid;
create index contact_link_record on contact_link (record);
insert into contact_link (contact, record)
    select contact, record from work_order where contact is not null;

-- How far the ledger, which is a file outside the database, has been carried out here.
create table ledger_position (
    id integer primary key check (id = 1),
    entry integer not null,
    hash text not null
);

create trigger audit_is_not_changed before update on audit
begin
    select raise(abort, 'the audit log is append-only');
end;

create trigger audit_is_not_deleted before delete on audit
begin
    select raise(abort, 'the audit log is append-only');
end;

-- `insert or replace` deletes without the trigger above.
create trigger audit_is_not_replaced before insert on audit
when exists (select 1 from audit where id = new.id)
begin
    select raise(abort, 'the audit log is append-only');
end;
