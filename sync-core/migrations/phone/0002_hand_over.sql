-- A person's numbers go on when the phone is enrolled anew as another device; what the former device
-- had not sent leaves as it was written, signed by the key that was its own.

-- The number of the device's first command.
alter table identity add column first_number integer not null default 1;

-- The device a session was opened as.
alter table own_session add column device integer not null default 0;
update own_session set device = coalesce(
    (select device from identity where identity.person = own_session.person), 0);

-- Commands of devices that this phone no longer is, until the server has them. Sealed: the signed
-- message.
create table hand_over (
    position integer primary key,
    person integer not null,
    device integer not null,
    -- the first number in it
    n integer not null,
    sealed blob not null,
    unique (person, device, n)
);
