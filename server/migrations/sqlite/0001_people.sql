-- People, places, devices and what office people sign in with. Times are milliseconds since 1970,
-- server time. Nothing here is deleted: things end.

create table installation (
    id integer primary key check (id = 1),
    -- the server's life: raised by every restore
    epoch integer not null check (epoch >= 1),
    -- raised by every change of people, roles, sites and policies; phones hold a version of it
    reference_version integer not null,
    created_ms integer not null
);

create table site (
    site integer primary key,
    name text not null,
    -- the last sequence taken; the row lock orders one site's transactions
    sequence integer not null default 0
);

-- one row a version; json is sync_core::model::policy::SlaPolicy
create table policy (
    site integer not null references site (site),
    version integer not null,
    json text not null,
    primary key (site, version)
);

create table unit (
    site integer not null references site (site),
    -- e.g. 3-2-1501
    unit text not null,
    building text not null,
    primary key (site, unit)
);

create table person (
    person integer primary key,
    name text not null,
    -- what an office person signs in with; null for people with phones only
    login text unique,
    -- argon2id, PHC string
    password_hash text,
    disabled_ms integer
);

-- dated rows with the (epoch, sequence) of their changes: what "when written" is judged by
create table role_grant (
    id integer primary key,
    person integer not null references person (person),
    role text not null,
    site integer not null references site (site),
    from_ms integer not null,
    to_ms integer,
    granted_epoch integer not null,
    granted_sequence integer not null,
    ended_epoch integer,
    ended_sequence integer,
    on_behalf_of integer references person (person)
);
create index role_grant_person on role_grant (person);

create table enrolment_code (
    -- the first 4 of the code's 16 characters: they say which code a wrong one was meant to be
    selector text primary key,
    -- SHA-256 of the whole code: the code itself is shown once
    code_hash blob not null,
    person integer not null references person (person),
    created_ms integer not null,
    expires_ms integer not null,
    tries_left integer not null,
    used_ms integer,
    -- what it enrolled: the same key may ask again when the answer was lost
    device integer references device (device)
);

create table device (
    device integer primary key,
    person integer not null references person (person),
    name text not null,
    -- Ed25519 public key of (person, device); null for a cookie session
    public_key blob,
    -- JSON of the certificate; null for a cookie session
    certificate text,
    enrolled_ms integer not null,
    revoked_ms integer,
    -- what the phone last said of itself
    contact_ms integer,
    highest_number integer not null default 0,
    unsent integer not null default 0,
    oldest_unsent_wall_ms integer,
    app_version text
);
create index device_person on device (person);

-- An office cookie session is a device of its own; its commands are numbered here.
create table office_session (
    -- SHA-256 of the cookie's secret
    secret_hash blob primary key,
    person integer not null references person (person),
    device integer not null references device (device),
    -- the 8 bytes that begin its fact keys
    session blob not null unique,
    next_number integer not null default 1,
    -- token against cross-site requests
    csrf text not null,
    created_ms integer not null,
    last_used_ms integer not null,
    expires_ms integer not null,
    ended_ms integer
);

-- Append-only: every administrative act.
create table audit (
    id integer primary key,
    at_ms integer not null,
    -- null: an act at the machine itself
    person integer,
    act text not null,
    -- JSON: ids only, no names, no secrets
    detail text not null
);

-- Answers to the office's POSTs, kept for a day: the same key with the same request gets the same
-- bytes. A command's row is written in the command's transaction.
create table idempotency (
    person integer not null,
    key text not null,
    request_hash blob not null,
    status integer not null,
    body blob not null,
    created_ms integer not null,
    primary key (person, key)
);
