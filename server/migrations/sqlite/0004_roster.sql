-- The duty roster and its swaps. Rows end and are never deleted.

create table shift (
    id integer primary key,
    site integer not null references site (site),
    -- the date of its line in the sheet, e.g. 2026-11-25, in the site's zone
    date text not null,
    -- security, duty_operator, patrol, desk, engineering
    duty text not null,
    person integer not null references person (person),
    from_ms integer not null,
    -- exclusive
    to_ms integer not null,
    -- 1 is called first
    rank integer not null,
    -- since when an import has left it out
    removed_ms integer
);
create index shift_date on shift (site, date);
create index shift_to on shift (site, to_ms);
create index shift_person on shift (person, to_ms);

create table shift_swap (
    id integer primary key,
    site integer not null references site (site),
    shift integer not null references shift (id),
    -- whose it was when the swap was proposed
    from_person integer not null references person (person),
    -- the other's shift, where both change
    with_shift integer references shift (id),
    to_person integer not null references person (person),
    reason text not null,
    proposed_by integer not null references person (person),
    proposed_ms integer not null,
    -- proposed, approved, rejected, withdrawn, overtaken
    state text not null,
    decided_by integer references person (person),
    decided_ms integer,
    decision_reason text
);
create index shift_swap_site on shift_swap (site, state);
create index shift_swap_shift on shift_swap (shift);
create index shift_swap_with on shift_swap (with_shift);

-- Days on which phones were told to take the roster's window again.
create table roster_day (
    site integer not null references site (site),
    date text not null,
    primary key (site, date)
);

-- Up to which version of a plan its rounds of a day were made.
create table patrol_day (
    plan blob not null,
    -- YYYY-MM-DD
    day text not null,
    version integer not null,
    primary key (plan, day)
) without rowid;
