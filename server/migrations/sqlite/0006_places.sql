-- Buildings with their groups, what is known of units, a site's own checklists, and grants for one
-- group or department.

create table building (
    site integer not null references site (site),
    -- e.g. 3: what its units' codes begin with
    building text not null,
    name text not null,
    -- 组团; null where the site has none
    grp integer,
    primary key (site, building)
);
insert into building (site, building, name) select distinct site, building, building from unit;

-- hundredths of a square metre; null where nobody knows
alter table unit add column area_dm2 integer;
-- home, shop, other
alter table unit add column kind text not null default 'home';
alter table unit add column vacant boolean not null default false;
create index unit_building on unit (site, building);

-- one row a version; the largest is the one that holds
create table checklist (
    site integer not null references site (site),
    checklist text not null,
    version integer not null,
    name text not null,
    -- JSON of sync_core::model::patrol::ChecklistItem, in their order
    items text not null,
    from_ms integer not null,
    primary key (site, checklist, version)
);

-- for one group of buildings only; null is the whole site
alter table role_grant add column grp integer;
-- for one department only; null is every one
alter table role_grant add column department text;
