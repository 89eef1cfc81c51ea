-- Which drawings the signatures of a site's records are, by hash, in the order they came: nobody
-- draws the same twice.
create table signed_strokes (
    site integer not null,
    strokes_sha256 blob not null,
    record blob not null,
    -- the key of the `signed` fact
    fact text not null,
    primary key (site, strokes_sha256, record, fact)
);
create index signed_strokes_record on signed_strokes (record);
