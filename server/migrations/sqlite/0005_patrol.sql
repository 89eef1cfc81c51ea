-- Projections of patrols: what lists, the open points of a place and the jobs read. Written with
-- every accepted change, and rebuilt at any time.

create table patrol_plan (
    record blob primary key,
    site integer not null,
    -- YYYY-MM
    month text not null,
    created_at_ms integer
) without rowid;
create index patrol_plan_month on patrol_plan (site, month);

create table patrol_round (
    record blob primary key,
    site integer not null,
    status text not null,
    -- when it should have begun, or ends by itself
    status_until_ms integer,
    -- the area
    title text not null,
    -- what it looks for
    patrol text,
    officer integer,
    plan blob,
    starts_at_ms integer,
    visited integer not null,
    checkpoints integer not null,
    open_findings integer not null,
    open_cases integer not null,
    created_at_ms integer,
    changed_at_ms integer
) without rowid;
create index patrol_round_site on patrol_round (site, starts_at_ms);
create index patrol_round_until on patrol_round (status, status_until_ms);

create table alarm (
    record blob primary key,
    site integer not null,
    status text not null,
    -- when the next person is to be told; null once somebody has taken it on
    status_until_ms integer,
    title text not null,
    -- gas, burning, round_not_started, other
    alarm text,
    place text,
    round blob,
    created_at_ms integer,
    changed_at_ms integer
) without rowid;
create index alarm_site on alarm (site, status);
create index alarm_until on alarm (status_until_ms);

create table violation (
    record blob primary key,
    site integer not null,
    status text not null,
    title text not null,
    violation text,
    place text,
    round blob,
    created_at_ms integer,
    changed_at_ms integer
) without rowid;
create index violation_place on violation (site, place);
create index work_order_place on work_order (site, unit);
