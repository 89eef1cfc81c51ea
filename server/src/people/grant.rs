//! Who holds which role where: dated rows with the sequence of their change.

use serde_json::json;
use sqlx::SqliteConnection;
use sync_core::model::department::Department;
use sync_core::model::id::{PersonId, SiteId};
use sync_core::model::person::{Principal, Role, RoleGrant};
use sync_core::model::time::{Seen, WallMs};
use sync_core::protocol::problem::ProblemCode;

use super::{Act, audit, owed, reference_changed_after};
use crate::ledger::Event;
use crate::{Error, Result};

/// A role to be granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    /// To whom.
    pub person: PersonId,
    /// The role.
    pub role: Role,
    /// Where.
    pub site: SiteId,
    /// From when.
    pub from_ms: WallMs,
    /// Until when, exclusive.
    pub to_ms: Option<WallMs>,
    /// For a deputy: whose role it is.
    pub on_behalf_of: Option<PersonId>,
}

/// How far into a site a role reaches; by default everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reach {
    /// For one group of buildings (组团) only.
    pub group: Option<u32>,
    /// For one department only.
    pub department: Option<Department>,
}

/// Grants a role for the whole site.
///
/// # Errors
/// If there is no such person or site, it would end before it begins, or somebody would stand in
/// for itself.
pub async fn grant(conn: &mut SqliteConnection, act: Act, new: &NewGrant) -> Result<i64> {
    grant_within(conn, act, new, &Reach::default()).await
}

/// Grants a role as far as `reach` says.
///
/// # Errors
/// As [`grant`].
pub async fn grant_within(
    conn: &mut SqliteConnection,
    act: Act,
    new: &NewGrant,
    reach: &Reach,
) -> Result<i64> {
    if new.to_ms.is_some_and(|to_ms| to_ms <= new.from_ms) {
        return Err(Error::malformed("to"));
    }
    if new.on_behalf_of == Some(new.person) {
        return Err(Error::malformed("on_behalf_of"));
    }
    for person in [Some(new.person), new.on_behalf_of].into_iter().flatten() {
        super::device::person_exists(conn, person).await?;
    }
    let at = next_sequence(conn, new.site).await?;
    let id: i64 = sqlx::query_scalar(
        "insert into role_grant (person, role, site, from_ms, to_ms, granted_epoch,
           granted_sequence, on_behalf_of, grp, department)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning id",
    )
    .bind(new.person.0)
    .bind(new.role.code())
    .bind(new.site.0)
    .bind(new.from_ms)
    .bind(new.to_ms)
    .bind(at.epoch)
    .bind(at.sequence.cast_signed())
    .bind(new.on_behalf_of.map(|person| person.0))
    .bind(reach.group)
    .bind(reach.department.as_ref().map(Department::code))
    .fetch_one(&mut *conn)
    .await?;
    let mut detail = json!({
        "grant": id, "person": new.person, "role": new.role, "site": new.site,
        "on_behalf_of": new.on_behalf_of, "from_ms": new.from_ms, "to_ms": new.to_ms,
    });
    if *reach != Reach::default() {
        detail["group"] = json!(reach.group);
        detail["department"] = json!(reach.department);
    }
    audit::append(conn, act, "role_granted", &detail).await?;
    let reference = reference_changed_after(conn, 0).await?;
    if was_ended(conn, new).await? {
        let grant = RoleGrant {
            person: new.person,
            role: new.role,
            site: new.site,
            group: reach.group,
            department: reach.department.clone(),
            from_ms: new.from_ms,
            to_ms: new.to_ms,
            granted: at,
            ended: None,
            on_behalf_of: new.on_behalf_of,
        };
        owed::owe(conn, &Event::Role { grant, at: act.at_ms, reference }).await?;
    }
    Ok(id)
}

/// Whether the role was ended before: the ledger says so, and has to say that it is held again.
async fn was_ended(conn: &mut SqliteConnection, new: &NewGrant) -> Result<bool> {
    let found = sqlx::query_scalar(
        "select exists (select 1 from role_grant
           where person = ? and role = ? and site = ? and ended_epoch is not null)",
    );
    let found = found.bind(new.person.0).bind(new.role.code()).bind(new.site.0);
    Ok(found.fetch_one(conn).await?)
}

/// What the ledger says of a grant, done again; says whether that was news.
///
/// # Errors
/// If the database does not answer.
pub(crate) async fn carry_out(conn: &mut SqliteConnection, grant: &RoleGrant) -> Result<bool> {
    let last = grant.ended.unwrap_or(grant.granted);
    let site = sqlx::query("update site set sequence = max(sequence, ?) where site = ?")
        .bind(last.sequence.cast_signed())
        .bind(grant.site.0)
        .execute(&mut *conn)
        .await?;
    let there: i64 = sqlx::query_scalar("select count(*) from person where person in (?, ?)")
        .bind(grant.person.0)
        .bind(grant.on_behalf_of.map(|person| person.0))
        .fetch_one(&mut *conn)
        .await?;
    if site.rows_affected() == 0 || there < 1 + i64::from(grant.on_behalf_of.is_some()) {
        // A backup from before there was any of them.
        return Ok(false);
    }
    let done = match grant.ended {
        Some(ended) => {
            let update = sqlx::query(
                "update role_grant set ended_epoch = ?1, ended_sequence = ?2
                 where ended_epoch is null and person = ?3 and role = ?4 and site = ?5
                   and from_ms = ?6 and to_ms is ?7 and on_behalf_of is ?8 and grp is ?9
                   and department is ?10",
            );
            update.bind(ended.epoch).bind(ended.sequence.cast_signed())
        }
        None => {
            let insert = sqlx::query(
                "insert into role_grant (granted_epoch, granted_sequence, person, role, site,
                   from_ms, to_ms, on_behalf_of, grp, department)
                 select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 where not exists (
                   select 1 from role_grant where ended_epoch is null and person = ?3
                     and role = ?4 and site = ?5 and from_ms = ?6 and to_ms is ?7
                     and on_behalf_of is ?8 and grp is ?9 and department is ?10)",
            );
            insert.bind(grant.granted.epoch).bind(grant.granted.sequence.cast_signed())
        }
    };
    let done = done
        .bind(grant.person.0)
        .bind(grant.role.code())
        .bind(grant.site.0)
        .bind(grant.from_ms)
        .bind(grant.to_ms)
        .bind(grant.on_behalf_of.map(|person| person.0))
        .bind(grant.group)
        .bind(grant.department.as_ref().map(Department::code));
    Ok(done.execute(conn).await?.rows_affected() > 0)
}

/// Ends a person's grants of a role at a site that are not ended yet; answers how many.
///
/// # Errors
/// If there is none.
pub async fn end(
    conn: &mut SqliteConnection,
    act: Act,
    person: PersonId,
    role: Role,
    site: SiteId,
) -> Result<u64> {
    let at = next_sequence(conn, site).await?;
    let ended: Vec<Row> = sqlx::query_as(
        "update role_grant set ended_epoch = ?, ended_sequence = ?
         where person = ? and role = ? and site = ? and ended_epoch is null
         returning id, person, role, site, from_ms, to_ms, granted_epoch, granted_sequence,
           ended_epoch, ended_sequence, on_behalf_of, grp, department",
    )
    .bind(at.epoch)
    .bind(at.sequence.cast_signed())
    .bind(person.0)
    .bind(role.code())
    .bind(site.0)
    .fetch_all(&mut *conn)
    .await?;
    if ended.is_empty() {
        return Err(Error::problem(ProblemCode::NotFound));
    }
    let count = ended.len() as u64;
    let detail = json!({ "person": person, "role": role, "site": site });
    audit::append(conn, act, "role_ended", &detail).await?;
    owe_ended(conn, act, ended).await?;
    Ok(count)
}

/// Phones learn of it, and the ledger before it holds.
async fn owe_ended(conn: &mut SqliteConnection, act: Act, ended: Vec<Row>) -> Result<()> {
    let reference = reference_changed_after(conn, 0).await?;
    for row in ended {
        let grant = row.grant()?;
        owed::owe(conn, &Event::Role { grant, at: act.at_ms, reference }).await?;
    }
    Ok(())
}

/// Ends one grant that is not ended yet.
///
/// # Errors
/// If there is none.
pub async fn end_one(
    conn: &mut SqliteConnection,
    act: Act,
    site: SiteId,
    grant: i64,
) -> Result<()> {
    let at = next_sequence(conn, site).await?;
    let ended: Vec<Row> = sqlx::query_as(
        "update role_grant set ended_epoch = ?, ended_sequence = ?
         where id = ? and site = ? and ended_epoch is null
         returning id, person, role, site, from_ms, to_ms, granted_epoch, granted_sequence,
           ended_epoch, ended_sequence, on_behalf_of, grp, department",
    )
    .bind(at.epoch)
    .bind(at.sequence.cast_signed())
    .bind(grant)
    .bind(site.0)
    .fetch_all(&mut *conn)
    .await?;
    if ended.is_empty() {
        return Err(Error::problem(ProblemCode::NotFound));
    }
    audit::append(conn, act, "role_ended", &json!({ "grant": grant, "site": site })).await?;
    owe_ended(conn, act, ended).await
}

/// A person with all grants, ended ones too.
///
/// # Errors
/// If the database does not answer.
pub async fn principal(conn: &mut SqliteConnection, person: PersonId) -> Result<Principal> {
    let rows: Vec<Row> = sqlx::query_as(
        "select person, role, site, from_ms, to_ms, granted_epoch, granted_sequence, ended_epoch,
           ended_sequence, on_behalf_of, grp, department
         from role_grant where person = ? order by id",
    )
    .bind(person.0)
    .fetch_all(conn)
    .await?;
    let grants = rows.into_iter().map(Row::grant).collect::<Result<_>>()?;
    Ok(Principal { person, grants })
}

/// Everyone's grants at a site, ended ones too.
///
/// # Errors
/// If the database does not answer.
pub async fn of_site(conn: &mut SqliteConnection, site: SiteId) -> Result<Vec<RoleGrant>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select person, role, site, from_ms, to_ms, granted_epoch, granted_sequence, ended_epoch,
           ended_sequence, on_behalf_of, grp, department
         from role_grant where site = ? order by id",
    )
    .bind(site.0)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::grant).collect()
}

/// Everyone's grants, ended ones too.
///
/// # Errors
/// If the database does not answer.
pub async fn all(conn: &mut SqliteConnection) -> Result<Vec<RoleGrant>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select person, role, site, from_ms, to_ms, granted_epoch, granted_sequence, ended_epoch,
           ended_sequence, on_behalf_of, grp, department
         from role_grant order by id",
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::grant).collect()
}

/// The grants of a site that are not ended, with their numbers.
///
/// # Errors
/// If the database does not answer.
pub async fn standing(conn: &mut SqliteConnection, site: SiteId) -> Result<Vec<(i64, RoleGrant)>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, person, role, site, from_ms, to_ms, granted_epoch, granted_sequence,
           ended_epoch, ended_sequence, on_behalf_of, grp, department
         from role_grant where site = ? and ended_epoch is null order by person, role, from_ms, id",
    )
    .bind(site.0)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| Ok((row.id, row.grant()?))).collect()
}

/// Whether a grant is in force.
pub fn in_force(grant: &RoleGrant, now_ms: WallMs) -> bool {
    grant.ended.is_none()
        && grant.from_ms <= now_ms
        && grant.to_ms.is_none_or(|to_ms| now_ms < to_ms)
}

/// Reads a role's code.
pub fn role_of_code(code: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role.code() == code)
}

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(default)]
    id: i64,
    person: u32,
    role: String,
    site: u32,
    from_ms: i64,
    to_ms: Option<i64>,
    granted_epoch: u32,
    granted_sequence: i64,
    ended_epoch: Option<u32>,
    ended_sequence: Option<i64>,
    on_behalf_of: Option<u32>,
    grp: Option<u32>,
    department: Option<String>,
}

impl Row {
    fn grant(self) -> Result<RoleGrant> {
        let department = self.department.map(Department::try_from);
        let seen = |epoch, sequence: i64| Seen { epoch, sequence: sequence.unsigned_abs() };
        Ok(RoleGrant {
            person: PersonId(self.person),
            role: role_of_code(&self.role).ok_or(Error::Broken("a role that is none"))?,
            site: SiteId(self.site),
            group: self.grp,
            department: department.transpose().map_err(|_| Error::Broken("a bad department"))?,
            from_ms: self.from_ms,
            to_ms: self.to_ms,
            granted: seen(self.granted_epoch, self.granted_sequence),
            ended: self.ended_epoch.zip(self.ended_sequence).map(|(e, s)| seen(e, s)),
            on_behalf_of: self.on_behalf_of.map(PersonId),
        })
    }
}

/// Takes the site's next sequence: who had seen it wrote after the change, who had not, before.
async fn next_sequence(conn: &mut SqliteConnection, site: SiteId) -> Result<Seen> {
    let row: Option<(i64, u32)> = sqlx::query_as(
        "update site set sequence = sequence + 1 where site = ?
         returning sequence, (select epoch from installation)",
    )
    .bind(site.0)
    .fetch_optional(conn)
    .await?;
    let (sequence, epoch) = row.ok_or(Error::problem(ProblemCode::NotFound))?;
    Ok(Seen { epoch, sequence: sequence.unsigned_abs() })
}
