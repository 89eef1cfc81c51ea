-- When each record next changes by itself: what falls due is done then, with nobody looking.

create table record_due (
    record blob primary key,
    site integer not null,
    kind text not null,
    -- null: only by what somebody writes; of one that failed, when it is tried again
    due_ms integer,
    -- how often it has failed since it was last written
    attempts integer not null default 0
) without rowid;
create index record_due_next on record_due (due_ms) where due_ms is not null;

-- Records written before: each is looked at once. Rounds and alarms have their own tables.
insert into record_due (record, site, kind, due_ms)
select record, site, kind, 0 from record
where site is not null and kind is not null and kind not in ('patrol_round', 'alarm');

-- Which records tell the holders of a role something that is not over: what inboxes look at.
create table record_told (
    record blob not null,
    role text not null,
    site integer not null,
    -- when the latest of it was due
    at_ms integer not null,
    primary key (record, role)
) without rowid;
create index record_told_role on record_told (site, role, at_ms desc);

-- Until when a site's periodic tasks are opened.
create table periodic_run (
    site integer primary key,
    until_ms integer not null
);
