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
create index record_card_site on record_card (site, created_at_ms desc, record desc);
create index record_card_open on record_card (kind, subject) where closed_at_ms is null;
create index record_kind on record (site, kind, sequence) where kind is not null;
create index desk_case_open on desk_case (site, kind) where closed_ms is null;
