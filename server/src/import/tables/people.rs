//! The staff of a site with their roles, one row a role. A role that a sheet leaves out goes on: it
//! is ended by its row's `to`, or by an administrator. Who is who stands in `staff`.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::SqliteConnection;
use sync_core::model::department::Department;
use sync_core::model::person::{Role, RoleGrant};
use sync_core::model::time::WallMs;
use sync_core::texts::{Language, code_text};

use super::staff::{Change, Named, Staff, Who};
use super::{Changes, Reading, check_site};
use crate::Result;
use crate::import::{Cell, Column, Columns, Line, Plan, Rows, Scope, from_text, to_text};
use crate::people::grant::{NewGrant, Reach};
use crate::people::{NAME_CHARACTERS_MAX, directory, grant, place};

/// The columns of its sheets.
pub const COLUMNS: Columns = Columns(&[
    Column::optional("person", &["工号", "人员编号"]),
    Column::needed("name", &["姓名"]),
    Column::optional("login", &["登录名", "账号"]),
    Column::optional("role", &["角色"]),
    Column::optional("site", &["项目", "项目编号"]),
    Column::optional("group", &["组团", "组团编号"]),
    Column::optional("department", &["部门"]),
    Column::optional("from", &["开始", "任职开始", "开始日期"]),
    Column::optional("to", &["结束", "任职结束", "结束日期"]),
    Column::optional("on_behalf_of", &["代理", "代理谁", "被代理人"]),
]);
const PERSON: usize = 0;
const NAME: usize = 1;
const LOGIN: usize = 2;
const ROLE: usize = 3;
const SITE: usize = 4;
const GROUP: usize = 5;
const DEPARTMENT: usize = 6;
const FROM: usize = 7;
const TO: usize = 8;
const BEHALF: usize = 9;

/// What a sheet would change.
pub struct PeopleChange {
    people: Vec<Change>,
    grants: Vec<GrantChange>,
}

/// A role to be granted, in the place of those it overlaps.
struct GrantChange {
    held: Held,
    from_ms: WallMs,
    to_ms: Option<WallMs>,
    ends: Vec<i64>,
}

/// What makes two grants the same one at different times.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    who: Who,
    role: Role,
    reach: Reach,
    on_behalf_of: Option<Who>,
}

/// From when to when, exclusive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stretch {
    from_ms: WallMs,
    to_ms: Option<WallMs>,
}

impl Stretch {
    fn of(grant: &RoleGrant) -> Self {
        Self { from_ms: grant.from_ms, to_ms: grant.to_ms }
    }

    fn ends_after(self, at_ms: WallMs) -> bool {
        self.to_ms.is_none_or(|to_ms| at_ms < to_ms)
    }

    /// Whether both have a moment in common.
    fn meets(self, other: Self) -> bool {
        self.ends_after(other.from_ms) && other.ends_after(self.from_ms)
    }
}

/// The grants that stand, by what they are.
struct Standing(BTreeMap<Held, Vec<(i64, Stretch)>>);

impl Standing {
    fn new(grants: &[(i64, RoleGrant)]) -> Self {
        let mut standing: BTreeMap<Held, Vec<(i64, Stretch)>> = BTreeMap::new();
        for (id, grant) in grants {
            standing.entry(Held::of(grant)).or_default().push((*id, Stretch::of(grant)));
        }
        Self(standing)
    }

    fn of(&self, held: &Held) -> &[(i64, Stretch)] {
        self.0.get(held).map_or(&[], Vec::as_slice)
    }

    /// The grant that a row says exactly; without a `from`, whenever it began.
    fn same(&self, held: &Held, asked: &Asked) -> Option<i64> {
        let begins = |from_ms| asked.from_ms.is_none_or(|asked| asked == from_ms);
        let mut of_it = self.of(held).iter();
        let found = of_it.find(|(_, at)| at.to_ms == asked.to_ms && begins(at.from_ms));
        found.map(|(id, _)| *id)
    }
}

impl Held {
    fn of(grant: &RoleGrant) -> Self {
        Self {
            who: Who::Known(grant.person),
            role: grant.role,
            reach: Reach { group: grant.group, department: grant.department.clone() },
            on_behalf_of: grant.on_behalf_of.map(Who::Known),
        }
    }
}

/// What a row says.
struct Entry {
    named: Named,
    grant: Option<Asked>,
}

struct Asked {
    role: Role,
    reach: Reach,
    from_ms: Option<WallMs>,
    to_ms: Option<WallMs>,
    on_behalf_of: Option<Named>,
}

impl Asked {
    /// From when to when; without a `from`, from now.
    fn at(&self, now_ms: WallMs) -> Stretch {
        Stretch { from_ms: self.from_ms.unwrap_or(now_ms), to_ms: self.to_ms }
    }
}

/// A row whose people are known.
struct Row {
    row: u32,
    who: Who,
    is_changed: bool,
    asked: Option<(Held, Asked)>,
    /// The standing grant it says exactly.
    same: Option<i64>,
}

/// What a sheet would change.
///
/// # Errors
/// If the database does not answer.
pub async fn plan(conn: &mut SqliteConnection, scope: &Scope, rows: Rows) -> Result<Plan> {
    let mut reading = Reading::new(COLUMNS, rows);
    let roles = roles();
    let entries = reading.lines(|line| entry(line, scope, &roles));
    let mut staff = Staff::read(conn, scope).await?;
    let standing = Standing::new(&grant::standing(conn, scope.site).await?);
    let buildings = place::buildings(conn, scope.site).await?;
    let groups: BTreeSet<u32> = buildings.iter().filter_map(|one| one.group).collect();
    let mut rows = Vec::new();
    for (row, entry) in entries {
        rows.extend(resolved(&mut reading, &mut staff, row, entry));
    }
    let mut taken = BTreeSet::new();
    for row in &mut rows {
        row.same = row.asked.as_ref().and_then(|(held, asked)| standing.same(held, asked));
        taken.extend(row.same);
    }
    overlaps(&mut reading, &rows, scope.act.at_ms);
    let mut grants = Vec::new();
    let (mut seen, mut edited) = (BTreeSet::new(), BTreeSet::new());
    for row in &rows {
        let is_new = seen.insert(row.who) && matches!(row.who, Who::New(_));
        let is_changed = row.is_changed && edited.insert(row.who);
        let change = granted(&standing, &taken, row, scope.act.at_ms);
        if let Some(change) = &change {
            let group = change.held.reach.group;
            if group.is_some_and(|group| !groups.contains(&group)) {
                reading.tell(row.row, GROUP, "group_unknown");
            }
            if change.to_ms.is_some_and(|to_ms| to_ms <= change.from_ms) {
                reading.tell(row.row, TO, "bad_order");
            }
        }
        let replaces = change.as_ref().map(|change| !change.ends.is_empty());
        if (change.is_some() || row.is_changed) && staff.is_disabled(row.who) {
            reading.tell(row.row, PERSON, "person_disabled");
        }
        match replaces {
            _ if is_new => reading.outcome.added += 1,
            Some(false) => reading.outcome.added += 1,
            Some(true) => reading.outcome.changed += 1,
            None if is_changed => reading.outcome.changed += 1,
            None => reading.outcome.unchanged += 1,
        }
        grants.extend(change);
    }
    let changes = PeopleChange { people: staff.changes(), grants };
    Ok(reading.done(Changes::People(changes)))
}

fn entry(line: &mut Line<'_>, scope: &Scope, roles: &BTreeMap<String, Role>) -> Option<Entry> {
    check_site(line, SITE, scope);
    let number = line.optional(PERSON, "bad_number", Cell::number);
    let name = line.text(NAME, NAME_CHARACTERS_MAX);
    let login = line.optional_text(LOGIN, NAME_CHARACTERS_MAX);
    let role = line
        .optional(ROLE, "unknown_role", |cell| roles.get(&cell.as_text()?.to_lowercase()).copied());
    let group = line.optional(GROUP, "bad_number", Cell::number);
    let department = line.optional(DEPARTMENT, "bad_department", department_of);
    let from_ms = line.optional(FROM, "bad_date", |cell| cell.from_moment(scope.zone));
    let to_ms = line.optional(TO, "bad_date", |cell| cell.to_moment(scope.zone));
    let on_behalf_of = line.optional(BEHALF, "bad_person", named);
    let of_a_role = [GROUP, DEPARTMENT, FROM, TO, BEHALF];
    if line.is_empty(ROLE) && !of_a_role.iter().all(|place| line.is_empty(*place)) {
        line.tell(ROLE, "missing");
    }
    let reach = Reach { group, department };
    let grant = role.map(|role| Asked { role, reach, from_ms, to_ms, on_behalf_of });
    Some(Entry { named: Named { number, name: name?, login }, grant })
}

/// Somebody by number or name.
fn named(cell: &Cell) -> Option<Named> {
    match (cell, cell.number()) {
        (_, Some(number)) => Some(Named { number: Some(number), name: String::new(), login: None }),
        (Cell::Text(name), None) => Some(Named { number: None, name: name.clone(), login: None }),
        _ => None,
    }
}

/// Roles by their codes and by what the department calls them.
fn roles() -> BTreeMap<String, Role> {
    let named = |role: Role| {
        let chinese = code_text(Language::ZhCn, "role", &role.code(), &[]);
        [(role.code(), role), (chinese, role)]
    };
    Role::ALL.into_iter().flat_map(named).collect()
}

fn department_of(cell: &Cell) -> Option<Department> {
    let text = cell.as_text()?.to_lowercase();
    match text.trim_end_matches('部') {
        "客服" | "客户服务" => Some(Department::CUSTOMER_SERVICE),
        "工程" => Some(Department::ENGINEERING),
        "保洁" => Some(Department::CLEANING),
        "保安" => Some(Department::SECURITY),
        "管业" => Some(Department::PROPERTY),
        "经营" => Some(Department::OPERATIONS),
        "品质" => Some(Department::QUALITY),
        _ => text.parse().ok(),
    }
}

/// Finds out who a row speaks of.
fn resolved(reading: &mut Reading, staff: &mut Staff, row: u32, entry: Entry) -> Option<Row> {
    let (who, is_changed) = match staff.draft(&entry.named) {
        Ok(found) => found,
        Err((column, code)) => {
            reading.tell(row, column.place(PERSON, NAME, LOGIN), code);
            return None;
        }
    };
    let Some(asked) = entry.grant else {
        return Some(Row { row, who, is_changed, asked: None, same: None });
    };
    let on_behalf_of = match asked.on_behalf_of.as_ref().map(|named| staff.find(named)) {
        None => None,
        Some(Ok(other)) if other == who => {
            reading.tell(row, BEHALF, "self_deputy");
            return None;
        }
        Some(Ok(other)) => Some(other),
        Some(Err(code)) => {
            reading.tell(row, BEHALF, code);
            return None;
        }
    };
    let held = Held { who, role: asked.role, reach: asked.reach.clone(), on_behalf_of };
    Some(Row { row, who, is_changed, asked: Some((held, asked)), same: None })
}

/// What a row grants, if no grant says it already.
fn granted(
    standing: &Standing,
    taken: &BTreeSet<i64>,
    row: &Row,
    now_ms: WallMs,
) -> Option<GrantChange> {
    let (held, asked) = row.asked.as_ref()?;
    if row.same.is_some() {
        return None;
    }
    let asks = asked.at(now_ms);
    let over = standing.of(held).iter().filter(|(id, at)| !taken.contains(id) && at.meets(asks));
    let over: Vec<&(i64, Stretch)> = over.collect();
    // Without a `from`, what goes on keeps its beginning.
    let began = over.iter().map(|(_, at)| at.from_ms).min();
    let from_ms = asked.from_ms.or(began).unwrap_or(now_ms);
    let ends = over.iter().map(|(id, _)| *id).collect();
    Some(GrantChange { held: held.clone(), from_ms, to_ms: asked.to_ms, ends })
}

/// Nobody is granted the same twice at one moment by one sheet; what stands is what it is.
fn overlaps(reading: &mut Reading, rows: &[Row], now_ms: WallMs) {
    let mut of_one: BTreeMap<&Held, Vec<(Stretch, &Row)>> = BTreeMap::new();
    for row in rows {
        if let Some((held, asked)) = &row.asked {
            of_one.entry(held).or_default().push((asked.at(now_ms), row));
        }
    }
    for mut grants in of_one.into_values() {
        grants.sort_by_key(|(at, row)| (*at, row.row));
        let mut longest: Option<(Stretch, &Row)> = None;
        for (at, row) in grants {
            let (last, other) = longest.unzip();
            let both_stand = other.is_some_and(|other| {
                row.same.is_some() && other.same.is_some() && row.same != other.same
            });
            if let (Some(last), Some(other)) = (last, other)
                && last.meets(at)
                && !both_stand
            {
                reading.tell(row.row.max(other.row), FROM, "overlap");
            }
            let last_ends = last.map(|last| last.to_ms.unwrap_or(WallMs::MAX));
            if last_ends.is_none_or(|ends| ends < at.to_ms.unwrap_or(WallMs::MAX)) {
                longest = Some((at, row));
            }
        }
    }
}

/// Writes them, each person and grant with its own audit row.
///
/// # Errors
/// If the database does not answer.
pub async fn apply(
    conn: &mut SqliteConnection,
    scope: &Scope,
    changes: &PeopleChange,
) -> Result<()> {
    let act = scope.act;
    let mut new = Vec::new();
    for change in &changes.people {
        match change {
            Change::Add { name, login } => {
                new.push(directory::add(conn, act, name, login.as_deref()).await?);
            }
            Change::Edit { person, name, login } => {
                directory::edit(conn, act, *person, name, login.as_deref()).await?;
            }
        }
    }
    let person = |who: Who| match who {
        Who::Known(person) => person,
        Who::New(index) => new[index],
    };
    for change in &changes.grants {
        for ends in &change.ends {
            grant::end_one(conn, act, scope.site, *ends).await?;
        }
        let grant = NewGrant {
            person: person(change.held.who),
            role: change.held.role,
            site: scope.site,
            from_ms: change.from_ms,
            to_ms: change.to_ms,
            on_behalf_of: change.held.on_behalf_of.map(person),
        };
        grant::grant_within(conn, act, &grant, &change.held.reach).await?;
    }
    Ok(())
}

/// The rows of its sheet, by person and role: every grant of the site that is not ended.
///
/// # Errors
/// If the database does not answer.
pub async fn export(conn: &mut SqliteConnection, scope: &Scope) -> Result<Vec<Vec<String>>> {
    let people = directory::list(conn).await?;
    let people: BTreeMap<_, _> = people.into_iter().map(|one| (one.person, one)).collect();
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for (_, grant) in grant::standing(conn, scope.site).await? {
        if !seen.insert((Held::of(&grant), grant.from_ms, grant.to_ms)) {
            continue;
        }
        let person = people.get(&grant.person);
        rows.push(vec![
            grant.person.to_string(),
            person.map(|one| one.name.clone()).unwrap_or_default(),
            person.and_then(|one| one.login.clone()).unwrap_or_default(),
            grant.role.code(),
            scope.site.to_string(),
            grant.group.map(|group| group.to_string()).unwrap_or_default(),
            grant.department.map(String::from).unwrap_or_default(),
            from_text(scope.zone, grant.from_ms),
            grant.to_ms.map(|to_ms| to_text(scope.zone, to_ms)).unwrap_or_default(),
            grant.on_behalf_of.map(|person| person.to_string()).unwrap_or_default(),
        ]);
    }
    Ok(rows)
}
