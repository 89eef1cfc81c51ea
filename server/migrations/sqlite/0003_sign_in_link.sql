-- One-time links that sign an office person in: shown once, kept as a hash only.

create table sign_in_link (
    -- SHA-256 of the token
    token_hash blob primary key,
    person integer not null references person (person),
    created_ms integer not null,
    expires_ms integer not null,
    used_ms integer
) without rowid;
create index sign_in_link_expires on sign_in_link (expires_ms);
