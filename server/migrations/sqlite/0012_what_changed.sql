-- Cash whose place in hand-overs changed since the day's end last looked at it: what it looks at.
create table cash_look (
    record blob not null,
    fact text not null,
    site integer not null,
    -- of the cash: it is looked at when its day is over
    at_ms integer not null,
    primary key (record, fact)
) without rowid;
create index cash_look_site on cash_look (site, at_ms);
insert into cash_look (record, fact, site, at_ms)
    select record, fact, site, at_ms from cash_entry;

-- The one desk case of a site's day.
create table cash_day (
    site integer not null,
    -- YYYY-MM-DD at the site
    day text not null,
    desk_case integer not null references desk_case (id),
    primary key (site, day)
) without rowid;
insert into cash_day (site, day, desk_case)
    select d.site, u.day, max(d.id) from cash_unaccounted u join desk_case d on d.id = u.desk_case
    where d.site is not null group by d.site, u.day;

-- Whether it stands in no hand-over, or not as it is, as the day's end last found it.
alter table cash_unaccounted add column is_open boolean not null default true;

create index desk_case_action_case on desk_case_action (desk_case);

-- What a record tells holders of roles: JSON of rules::ToldItem, so that an inbox reads no record.
alter table record_told add column items text not null default '[]';
-- Written once for what is there.
update record_due set due_ms = 0
    where record in (select record from record_told) or kind in ('reception', 'complaint')
      or record in (select record from work_order where status = 'out_of_scope');

-- Retention looks only at what is due.
create index contact_card_look on contact_card (site, look_ms, record);
create index violation_look on violation (site, look_ms, record);
