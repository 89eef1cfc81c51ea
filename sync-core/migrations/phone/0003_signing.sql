-- A signing on the screen that has not ended: what was shown, and what has been drawn so far. One for
-- each person. Sealed: its JSON.
create table signing (
    owner integer primary key,
    record text not null,
    sealed blob not null
);
