-- The account per person, device and day: which day each command of a phone is of, and the days that
-- the office has closed.

-- Ranges of a device's command numbers, each number in one of them. What became of a command stands
-- in its receipt; one without a receipt is still on the phone.
create table account_day_row (
    device integer not null,
    from_number integer not null,
    to_number integer not null,
    person integer not null,
    -- the record's site; that of the person's role while no record says one
    site integer,
    -- YYYY-MM-DD at the site
    day text not null,
    -- how the day is known: written, received, told (the phone has told of it, it has not come)
    dated text not null,
    -- the case that names it, if it came for a day that was closed
    desk_case integer,
    primary key (device, from_number)
) without rowid;
create index account_day_row_day on account_day_row (site, day, device);
create index account_day_row_case on account_day_row (desk_case) where desk_case is not null;

-- A site's days that were closed at least once.
create table account_day (
    site integer not null,
    -- YYYY-MM-DD at the site
    day text not null,
    -- the last closing
    closed_ms integer not null,
    closed_by integer not null references person (person),
    -- JSON: the equation at that time, and up to what each phone was known that had not told since
    -- the day's end
    account text not null,
    -- null while the day is closed
    reopened_ms integer,
    -- null: by what arrived
    reopened_by integer references person (person),
    reopened_reason text,
    primary key (site, day)
) without rowid;

-- Commands that came before: of the day they were received on, which in Asia/Shanghai begins eight
-- hours before UTC's; of other zones their offset is not known here, and UTC's day is taken.
with recursive command (device, person, number, last) as (
    select device, person, from_number, to_number from receipt
    union all
    select device, person, number + 1, last from command where number < last
),
arrival (device, number, at_ms, record) as (
    select device, number, min(received_ms), record from change
    where number is not null group by device, number
),
home (person, site) as (select person, min(site) from role_grant group by person),
zone (site, shift) as (
    select p.site, case json_extract(p.json, '$.time_zone')
        when 'Asia/Shanghai' then '+8 hours' else '+0 hours' end
    from policy p
    where p.version = (select max(version) from policy q where q.site = p.site)
),
came (device, person, number, site, at_ms) as (
    select c.device, c.person, c.number, coalesce(r.site, h.site),
        coalesce(a.at_ms,
            (select min(q.at_ms) from quarantine q
                where q.device = c.device and q.number = c.number),
            (select min(p.first_ms) from held_pack p
                where p.device = c.device and c.number between p.from_number and p.to_number),
            d.contact_ms, d.enrolled_ms, 0)
    from command c
    left join arrival a on a.device = c.device and a.number = c.number
    left join record r on r.record = a.record
    left join home h on h.person = c.person
    left join device d on d.device = c.device
),
dated (device, person, number, site, day) as (
    select came.device, came.person, came.number, came.site,
        date(came.at_ms / 1000, 'unixepoch', coalesce(zone.shift, '+0 hours'))
    from came left join zone on zone.site = came.site
),
-- Neighbours of one day share their distance from their place among the day's numbers.
placed (device, person, number, site, day, island) as (
    select device, person, number, site, day, number - row_number() over (
        partition by device, person, site, day order by number)
    from dated
)
insert into account_day_row (device, from_number, to_number, person, site, day, dated)
    select device, min(number), max(number), person, site, day, 'received'
    from placed group by device, person, site, day, island;
