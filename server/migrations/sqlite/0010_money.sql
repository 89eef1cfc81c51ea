-- Money, keys and shifts: what proposals of a hand-over and the day's end read. Written with every
-- accepted change, and rebuilt at any time; only what the day's end has told of is not.

-- Something of the order was stated afterwards or for somebody else.
alter table work_order add column stated_afterwards boolean not null default false;

create table paid_service (
    record blob primary key,
    site integer not null,
    status text not null,
    status_until_ms integer,
    title text not null,
    unit text,
    contact blob,
    assignee integer,
    -- RFC 3339
    appointment text,
    open_cases integer not null,
    deviations integer not null,
    stated_afterwards boolean not null,
    created_at_ms integer,
    changed_at_ms integer
) without rowid;
create index paid_service_site on paid_service (site, created_at_ms);
create index paid_service_contact on paid_service (contact);

-- Money of an order that came to the desk or left it.
create table cash_entry (
    record blob not null,
    fact text not null,
    site integer not null,
    -- handed_in, refunded
    kind text not null,
    at_ms integer not null,
    amount_fen integer not null,
    -- cash, qr_code, transfer
    method text not null,
    primary key (record, fact)
) without rowid;
create index cash_entry_site on cash_entry (site, at_ms);

create table hand_over (
    record blob primary key,
    site integer not null,
    status text not null,
    -- morning, day, afternoon, night
    shift text,
    desk text,
    -- fen, of the last count; null before there is one
    counted_fen integer,
    open_cases integer not null,
    created_at_ms integer,
    changed_at_ms integer
) without rowid;
create index hand_over_site on hand_over (site, created_at_ms);

-- What hand-overs list of it.
create table hand_over_cash (
    hand_over blob not null,
    record blob not null,
    fact text not null,
    kind text not null,
    amount_fen integer not null,
    primary key (hand_over, record, fact)
) without rowid;
create index hand_over_cash_fact on hand_over_cash (record, fact);

-- Customers' keys that were received and not returned.
create table open_key (
    record blob not null,
    -- the fact that received it
    received text not null,
    site integer not null,
    visit text not null,
    holder integer,
    since_ms integer not null,
    used boolean not null,
    primary key (record, received)
) without rowid;
create index open_key_site on open_key (site, since_ms);

-- Cash that the day's end has told of, each once: no projection.
create table cash_unaccounted (
    record blob not null,
    fact text not null,
    desk_case integer not null references desk_case (id),
    -- YYYY-MM-DD at the site
    day text not null,
    primary key (record, fact)
) without rowid;
create index cash_unaccounted_case on cash_unaccounted (desk_case);
