-- The phone's store. In the clear are only ids, sequences, status codes and times; every `sealed`
-- column is version byte, nonce and ciphertext, bound to its table, row and version.

create table meta (
    name text primary key,
    sealed blob not null
);

create table identity (
    person integer primary key,
    device integer not null,
    enrolled_wall_ms integer not null,
    sealed blob not null
);

create table session (
    session blob primary key,
    person integer not null,
    -- null: an own session; its device is the identity's
    device integer,
    office integer not null,
    boot blob not null,
    opened_wall_ms integer not null,
    opened_monotonic_ms integer not null,
    anchor_server_ms integer,
    anchor_monotonic_ms integer,
    registered integer not null
);

create table boot_anchor (
    boot blob primary key,
    server_ms integer not null,
    monotonic_ms integer not null
);

create table record (
    owner integer not null,
    record blob not null,
    site integer not null,
    present integer not null,
    attestation blob,
    parked text,
    primary key (owner, record)
) without rowid;

create table accepted (
    position integer primary key,
    owner integer not null,
    record blob not null,
    hash blob not null,
    actor blob not null,
    seq integer not null,
    start_op integer not null,
    deps blob not null,
    sealed blob not null,
    unique (owner, record, hash)
);

create table pair (
    owner integer not null,
    record blob not null,
    audience text not null,
    primary key (owner, record, audience)
) without rowid;

create table pending (
    owner integer not null,
    n integer not null,
    record blob not null,
    saved_wall_ms integer not null,
    state text not null,
    code text,
    bytes integer not null,
    actor blob not null,
    seq integer not null,
    start_op integer not null,
    deps blob not null,
    hash blob not null,
    sealed blob not null,
    primary key (owner, n)
);
create index pending_record on pending (owner, record);

create table refused (
    owner integer not null,
    n integer not null,
    record blob not null,
    code text not null,
    refused_wall_ms integer not null,
    sealed blob not null,
    primary key (owner, n)
);

-- Own sent work, kept until it is backed up.
create table sent (
    owner integer not null,
    n integer not null,
    record blob not null,
    epoch integer not null,
    sequence integer not null,
    sealed blob not null,
    primary key (owner, n)
);

create table list (
    owner integer not null,
    record blob not null,
    sealed blob not null,
    primary key (owner, record)
);

create table cursor (
    owner integer not null,
    audience text not null,
    epoch integer not null,
    sequence integer not null,
    primary key (owner, audience)
);

create table repair (
    owner integer not null,
    record blob not null,
    primary key (owner, record)
);

-- One row a person: numbers and cursors of the control lane.
create table progress (
    owner integer primary key,
    highest_number integer not null default 0,
    receipts_after integer not null default 0,
    epoch integer not null default 0,
    reference_version integer not null default 0,
    reference_sealed blob,
    backed_up_epoch integer,
    backed_up_sequence integer,
    retry_json text,
    re_enrol integer not null default 0
);
