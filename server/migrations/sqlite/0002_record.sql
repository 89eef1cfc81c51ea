-- Records, what was written into them, what became of it, and whom it concerns.
--
-- One row a command and no snapshot: row shape beats everything else in what a push costs. The rows
-- written by every push carry no foreign keys and no random unique index; a record's rows are
-- guarded by its version, which every write compares and raises inside the transaction.

create table session (
    session blob primary key,
    person integer not null,
    device integer not null,
    -- a cookie session: its wall clock is the server's
    office boolean not null,
    boot blob not null,
    opened_wall_ms integer not null,
    opened_monotonic_ms integer not null,
    -- the boot's anchor; null is "unverified". Final when the row is written
    anchor_server_ms integer,
    anchor_monotonic_ms integer,
    -- by the (person, device) key; null for a cookie session
    signature blob,
    registered_ms integer not null
) without rowid;

-- Server time and monotonic clock at the first contact of a boot. Never changed.
create table boot_anchor (
    device integer not null,
    boot blob not null,
    server_ms integer not null,
    monotonic_ms integer not null,
    primary key (device, boot)
) without rowid;

-- What sync keeps of a device beside people's row of it.
create table phone (
    device integer primary key,
    -- the last number taken in the device's receipts
    receipt_sequence integer not null default 0,
    -- another store has used this device's numbers
    re_enrol boolean not null default false,
    -- bytes kept of what it sent and nobody has accepted
    quarantine_bytes integer not null default 0,
    -- what it had confirmed when it last said its highest number: commands above that number were
    -- written later than these sequences; JSON {site: sequence}
    confirmed_number integer not null default 0,
    confirmed_epoch integer not null default 0,
    confirmed text not null default '{}'
);

create table record (
    record blob primary key,
    -- null until something opened the record
    site integer,
    kind text,
    -- raised by every write to the record
    version integer not null,
    -- accepted heads, sorted, 32 bytes each
    heads blob not null,
    -- the site's sequence of the last accepted change
    sequence integer not null default 0,
    -- how many rows of change and held_pack wait
    held integer not null default 0
) without rowid;

-- One row a command, as it came; and one a change of the server's own.
create table change (
    -- the order of arrival
    id integer primary key,
    record blob not null,
    hash blob not null,
    actor blob not null,
    seq integer not null,
    start_op integer not null,
    max_op integer not null,
    -- 32 bytes each, sorted
    deps blob not null,
    -- whose command it is; null for a change in which the server puts commands of others
    person integer,
    device integer,
    number integer,
    -- accepted: stands in the accepted record as it is
    -- rewritten: its facts stand in a change of the server's; here the row keeps none
    -- duplicate: a known command under another hash; no facts
    -- held: waits for a decision, see code
    -- refused: in quarantine, see code
    state text not null,
    code text,
    -- JSON
    params text,
    -- the site's sequence when accepted
    sequence integer,
    -- CBOR: keys and canonical JSON; empty where another row has them
    facts blob not null,
    received_ms integer not null
);
create index change_record on change (record, sequence);
-- a device's held and refused commands: few
create index change_waiting on change (state, device) where state in ('held', 'refused');

-- Commands that cannot be built yet, as a fact pack: what they stand on is missing, or deciding
-- failed. Tried again whenever the record is written.
create table held_pack (
    id integer primary key,
    record blob not null,
    person integer not null,
    device integer not null,
    from_number integer not null,
    to_number integer not null,
    code text not null,
    -- whether the pack's check is the sender's
    checked boolean not null,
    bytes blob not null,
    received_ms integer not null
);
create index held_pack_record on held_pack (record);

-- What was told of a device's commands, as ranges; a range is split when one in it changes.
create table receipt (
    device integer not null,
    from_number integer not null,
    to_number integer not null,
    person integer not null,
    outcome text not null,
    code text,
    params text,
    -- JSON array of kinds
    cases text,
    accepted_epoch integer,
    accepted_sequence integer,
    -- the device's own cursor; every range has its own
    receipt_sequence integer not null,
    primary key (device, from_number)
) without rowid;
create index receipt_sequence on receipt (device, receipt_sequence);

-- Projections: what lists and searches read. Written with every accepted change, and rebuilt at
-- any time; status_until_ms says when the status next changes by itself.
create table work_order (
    record blob primary key,
    site integer not null,
    status text not null,
    status_until_ms integer,
    title text not null,
    category text,
    priority text,
    -- RFC 3339
    appointment text,
    assignee integer,
    unit text,
    contact blob,
    open_cases integer not null,
    deviations integer not null,
    created_at_ms integer,
    changed_at_ms integer
) without rowid;
create index work_order_site on work_order (site, created_at_ms);
create index work_order_contact on work_order (contact);
create index work_order_until on work_order (status_until_ms);

create table contact_card (
    record blob primary key,
    site integer not null,
    status text not null,
    -- the person's name
    title text not null,
    unit text,
    created_at_ms integer,
    changed_at_ms integer
) without rowid;
create index contact_card_unit on contact_card (site, unit);

-- Which audience a record is in. State, not a log.
create table feed (
    record blob not null,
    site integer not null,
    -- without its site: office, user/31
    audience text not null,
    -- of the record's last change this audience may see, or of its leaving
    sequence integer not null,
    entered_sequence integer not null,
    -- null while present
    left_sequence integer,
    primary key (record, audience)
) without rowid;
create index feed_sequence on feed (site, audience, sequence);
create index feed_entered on feed (site, audience, entered_sequence);

-- What could not become a row of change, as it came; bounded for each device.
create table quarantine (
    id integer primary key,
    at_ms integer not null,
    person integer not null,
    device integer not null,
    record blob,
    number integer,
    code text not null,
    bytes blob not null
);
create index quarantine_device on quarantine (device);

-- What the office has to look at and no review of a record shows.
create table desk_case (
    id integer primary key,
    site integer,
    -- refused, held, number_gap, clone
    kind text not null,
    record blob,
    person integer not null,
    device integer not null,
    from_number integer not null,
    to_number integer not null,
    code text,
    params text,
    opened_ms integer not null,
    closed_ms integer
);
create index desk_case_record on desk_case (record);
create index desk_case_device on desk_case (device, kind);

-- Append-only: who did what with a case.
create table desk_case_action (
    id integer primary key,
    desk_case integer not null references desk_case (id),
    at_ms integer not null,
    person integer not null,
    action text not null,
    reason text not null
);
