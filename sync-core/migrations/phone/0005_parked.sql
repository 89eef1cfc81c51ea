-- Work that stays on the phone for a reason the server gave, and answers to the office that are still
-- to be sent.

-- From `n` on nothing of the record is sent: the server refused a whole request for that command.
-- Tried again by hand, and by another version of the app than this one.
create table parked (
    owner integer not null,
    record text not null,
    n integer not null,
    -- the code of the server's answer
    code text not null,
    app_version text not null,
    primary key (owner, record)
) without rowid;

-- What the person answers to the office's questions about refused or held commands, until the server
-- has it. Sealed: the text.
create table case_answer (
    owner integer not null,
    -- the number of the question, as the office gave it
    question integer not null,
    sealed blob not null,
    primary key (owner, question)
);
