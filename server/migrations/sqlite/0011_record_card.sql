-- one list for every kind that has none of its own: written with each accepted change, rebuilt at
-- any time
create table record_card (
    record blob primary key references record (record),
    site integer not null,
    kind text not null,
    status text not null,
    title text not null,
    subject text,
    unit text,
    -- the group of buildings
    building_group integer,
    department text,
    assignee integer,
    -- the next deadline that runs
    due_ms integer,
    closed_at_ms integer,
    open_cases integer not null,
    created_at_ms integer not null,
    changed_at_ms integer
) without rowid;
create index record_card_kind on record_card (site, kind, created_at_ms desc, record desc);
create index record_card_unit on record_card (site, unit) where unit is not null;
