-- The phone's store. In the clear stand ids, sequences, status codes and times only; every `sealed`
-- column is a sealed row (version, nonce, ciphertext), bound to its table and its row's name.
-- `owner` is the person whose row it is: one device may serve several people, one after another.

-- Sealed known text: tells a wrong key from a damaged row.
create table key_check (
    id integer primary key check (id = 1),
    sealed blob not null
);

-- Who is enrolled on this device. Sealed: name, signing key, certificate, installation key.
create table identity (
    person integer primary key,
    device integer not null,
    enrolled_wall_ms integer not null,
    sealed blob not null
);

-- Sessions opened here.
create table own_session (
    position integer primary key,
    session text not null unique,
    person integer not null,
    boot blob not null,
    opened_wall_ms integer not null,
    opened_monotonic_ms integer not null,
    registered integer not null check (registered in (0, 1))
);
create index own_session_person on own_session (person);

-- Sessions as the server serves them: final, so never updated.
create table session (
    session text primary key,
    person integer not null,
    device integer not null,
    origin text not null check (origin in ('phone', 'office')),
    boot blob not null,
    opened_wall_ms integer not null,
    opened_monotonic_ms integer not null,
    -- both null: unverified
    anchor_server_ms integer,
    anchor_monotonic_ms integer
) without rowid;

-- The first contact of each boot: never updated.
create table anchor (
    boot blob primary key,
    server_ms integer not null,
    monotonic_ms integer not null
) without rowid;

-- Sealed: the attestation.
create table record (
    owner integer not null,
    record text not null,
    site integer not null,
    -- 0: it left this person's audiences and is read-only
    present integer not null check (present in (0, 1)),
    -- a code: why nothing of it is sent
    parked text,
    sealed blob not null,
    primary key (owner, record)
);

create table pair (
    owner integer not null,
    record text not null,
    audience text not null,
    primary key (owner, record, audience)
) without rowid;

-- Accepted changes; `position` is the order they came in. Sealed: dependencies and facts.
create table accepted (
    position integer primary key,
    owner integer not null,
    record text not null,
    hash blob not null,
    actor text not null,
    seq integer not null,
    start_op integer not null,
    sealed blob not null,
    unique (owner, record, hash)
);

-- Own commands that are not in the accepted record yet. Sealed: dependencies, facts, parameters.
create table pending (
    owner integer not null,
    n integer not null,
    record text not null,
    state text not null check (state in ('unsent', 'sent', 'held', 'not_stored', 'accepted')),
    code text,
    saved_wall_ms integer not null,
    actor text not null,
    seq integer not null,
    start_op integer not null,
    hash blob not null,
    sealed blob not null,
    primary key (owner, n)
);
create index pending_record on pending (owner, record, n);

-- Own commands the server refused. Sealed: facts and parameters.
create table refused (
    owner integer not null,
    n integer not null,
    record text not null,
    code text not null,
    refused_wall_ms integer not null,
    sealed blob not null,
    primary key (owner, n)
);

-- Own accepted commands, kept until a backup of the server has them. Sealed: facts.
create table sent (
    owner integer not null,
    n integer not null,
    record text not null,
    accepted_epoch integer not null,
    accepted_sequence integer not null,
    sealed blob not null,
    primary key (owner, n)
);

-- What the list of records is built from after opening. Sealed: the projection's JSON.
create table list (
    owner integer not null,
    record text not null,
    sealed blob not null,
    primary key (owner, record)
);

create table cursor (
    owner integer not null,
    audience text not null,
    epoch integer not null,
    sequence integer not null,
    primary key (owner, audience)
) without rowid;

-- Records to be asked for whole.
create table repair (
    owner integer not null,
    record text not null,
    primary key (owner, record)
) without rowid;

create table progress (
    owner integer primary key,
    epoch integer not null default 0,
    receipts_after integer not null default 0,
    -- never lowered: a number is used once
    highest_number integer not null default 0,
    backed_up_epoch integer,
    backed_up_sequence integer,
    re_enrol integer not null default 0 check (re_enrol in (0, 1))
);

-- Sealed: the reference data's JSON.
create table reference (
    owner integer primary key,
    version integer not null,
    sealed blob not null
);

-- Sealed: the retry schedule's JSON.
create table retry (
    owner integer primary key,
    sealed blob not null
);
