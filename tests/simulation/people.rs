//! Who works at the simulated site: somebody of every role, two groups of buildings and several
//! departments, and one person of another site.

use fieldbook_server::db::Database;
use sync_core::model::id::{DeviceId, PersonId, SessionId, SiteId};
use sync_core::model::person::Role;
use sync_core::model::policy::SlaPolicy;

/// The site.
pub const SITE: SiteId = SiteId(7);
/// The other site, where one person works.
const OTHER_SITE: SiteId = SiteId(8);

/// Somebody with one role.
pub struct Person {
    /// The number.
    pub person: PersonId,
    /// The role.
    pub role: Role,
    /// Where.
    pub site: SiteId,
    /// The group of buildings it is limited to.
    pub group: Option<u32>,
    department: Option<&'static str>,
    /// Signs in at the office.
    pub has_seat: bool,
    /// Carries a phone.
    pub has_phone: bool,
}

const fn of(number: u32, role: Role) -> Person {
    let person = PersonId(number);
    let (group, department) = (None, None);
    Person { person, role, site: SITE, group, department, has_seat: true, has_phone: false }
}

const fn on_phone(person: Person) -> Person {
    Person { has_phone: true, ..person }
}

const fn outside(number: u32, role: Role) -> Person {
    Person { has_seat: false, ..on_phone(of(number, role)) }
}

const fn in_group(person: Person, group: u32) -> Person {
    Person { group: Some(group), ..person }
}

const fn of_department(person: Person, department: &'static str) -> Person {
    Person { department: Some(department), ..person }
}

/// Everybody.
pub static PEOPLE: [Person; 20] = [
    of(12, Role::FrontDesk),
    on_phone(in_group(of(13, Role::Assistant), 1)),
    in_group(of(14, Role::Assistant), 2),
    of_department(of(15, Role::Supervisor), "customer_service"),
    of_department(of(16, Role::Supervisor), "engineering"),
    on_phone(of(17, Role::ProjectManager)),
    of(18, Role::GeneralManager),
    of(19, Role::OperationsManager),
    of(20, Role::CleaningManager),
    of(21, Role::Quality),
    on_phone(of(22, Role::EngineeringLead)),
    of(23, Role::DutyOperator),
    of(24, Role::Admin),
    of(25, Role::FrontDesk),
    outside(31, Role::Technician),
    outside(32, Role::Technician),
    outside(33, Role::ServiceWorker),
    outside(34, Role::PatrolOfficer),
    outside(35, Role::Security),
    on_phone(Person { site: OTHER_SITE, ..of(41, Role::FrontDesk) }),
];

/// An office session.
#[derive(Debug, Clone, Copy)]
pub struct Seat {
    /// Whose.
    pub person: PersonId,
    /// Its device.
    pub device: DeviceId,
    /// What its keys begin with.
    pub session: SessionId,
}

impl Seat {
    /// Somebody's.
    pub fn of(person: PersonId) -> Self {
        let number = u8::try_from(person.0).expect("small");
        Self { person, device: DeviceId(person.0), session: SessionId([number; 8]) }
    }
}

/// Somebody by number.
pub fn by_number(person: PersonId) -> &'static Person {
    PEOPLE.iter().find(|one| one.person == person).expect("one of them")
}

/// The device number of somebody's phone.
pub fn phone(person: PersonId) -> DeviceId {
    DeviceId(100 + person.0)
}

/// Writes an installation with everybody in it.
pub async fn write(database: &Database, policy: &SlaPolicy) {
    let policy = serde_json::to_string(policy).expect("writes");
    let mut statements = vec![
        "insert into installation (id, epoch, reference_version, created_ms) values (1, 1, 1, 0)"
            .to_owned(),
    ];
    for (site, name) in [(SITE, "仿真苑"), (OTHER_SITE, "邻苑")] {
        statements
            .push(format!("insert into site (site, name, sequence) values ({site}, '{name}', 0)"));
        statements.push(format!(
            "insert into policy (site, version, json) values ({site}, 1, '{policy}')"
        ));
    }
    for person in &PEOPLE {
        statements.extend(statements_of(person));
    }
    // On duty all the time: who is told of alarms.
    for (rank, (person, duty)) in [(35, "security"), (23, "duty_operator")].iter().enumerate() {
        statements.push(format!(
            "insert into shift (site, date, duty, person, from_ms, to_ms, rank)
             values (7, '2026-11-25', '{duty}', {person}, 0, 9999999999999, {})",
            rank + 1
        ));
    }
    let mut transaction = database.begin_write().await.expect("begins");
    for statement in statements {
        let statement = sqlx::AssertSqlSafe(statement);
        sqlx::query(statement).execute(&mut *transaction).await.expect("inserts");
    }
    transaction.commit().await.expect("commits");
}

fn statements_of(one: &Person) -> Vec<String> {
    let (person, site, role) = (one.person, one.site, one.role.code());
    let group = one.group.map_or("null".to_owned(), |group| group.to_string());
    let department = one.department.map_or("null".to_owned(), |code| format!("'{code}'"));
    let mut statements = vec![
        format!("insert into person (person, name) values ({person}, '师傅{person}')"),
        format!(
            "insert into role_grant (person, role, site, from_ms, granted_epoch,
               granted_sequence, grp, department)
             values ({person}, '{role}', {site}, 0, 1, 0, {group}, {department})"
        ),
    ];
    if one.has_seat {
        let Seat { device, session, .. } = Seat::of(one.person);
        statements.push(format!(
            "insert into device (device, person, name, enrolled_ms)
             values ({device}, {person}, 'desk', 0)"
        ));
        statements.push(format!(
            "insert into office_session (secret_hash, person, device, session, csrf, created_ms,
               last_used_ms, expires_ms)
             values (x'{:02x}', {person}, {device}, x'{}', '', 0, 0, 9999999999999)",
            device.0,
            session.0.map(|byte| format!("{byte:02x}")).concat()
        ));
    }
    statements
}

#[test]
fn somebody_holds_every_role() {
    for role in Role::ALL {
        assert!(PEOPLE.iter().any(|one| one.role == role && one.site == SITE), "{role:?}");
    }
}
