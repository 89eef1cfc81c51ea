-- Own commands whose rows do not read: parked, so that they hold up nothing, and kept as they were
-- found. Nothing of them is sealed anew.
create table lost (
    owner integer not null,
    n integer not null,
    -- null: not known
    record text,
    saved_wall_ms integer,
    -- what it waited for when it was last read; 'held' also once the server says that it has it
    state text not null check (state in ('unsent', 'sent', 'held', 'not_stored', 'accepted')),
    -- row_damaged: its row does not open; row_missing: an index names it, its row is nowhere
    code text not null,
    found_wall_ms integer not null,
    -- the sealed column as it was found
    remains blob,
    primary key (owner, n)
);

-- The code and the new key of an enrolment whose answer has not come. Sealed: its JSON.
create table enrolling (
    id integer primary key check (id = 1),
    sealed blob not null
);
