//! Tables whose rows are commands: they are written by the office session of whoever imports them,
//! judged like any other command, all of them in one transaction or none.

use sync_core::environment::Randomness;
use sync_core::model::id::{DeviceId, PersonId, SessionId};
use sync_core::protocol::problem::ProblemCode;

use super::tables::{Changes, Table, contacts, prices};
use super::{Outcome, Plan, Rows, Scope, detail};
use crate::db::Database;
use crate::idempotency::{self, RequestName};
use crate::sync::{OfficeBatch, Stamp, Sync};
use crate::{Error, Result};

/// Whose commands they are, and what they are written through.
pub struct Office<'a> {
    /// The database.
    pub db: &'a Database,
    /// What writes.
    pub sync: &'a Sync,
    /// Where salts come from.
    pub randomness: &'a dyn Randomness,
    /// The person.
    pub person: PersonId,
    /// The device of the cookie session.
    pub device: DeviceId,
    /// The session.
    pub session: SessionId,
}

/// The answer to a request, which is kept in the transaction of what the request writes.
pub struct Keep<'a> {
    /// The request.
    pub name: &'a RequestName,
    /// Writes the answer's body.
    pub body: fn(Table, &Outcome) -> Result<Vec<u8>>,
}

/// How often it is planned anew because somebody wrote meanwhile.
const TRIES: usize = 3;

/// Plans a sheet and, unless it is a dry run or has a problem, writes it.
///
/// # Errors
/// What the rules deny; `unavailable` if others never stop writing; a failure of the database.
pub async fn run(
    office: &Office<'_>,
    (table, scope): (Table, &Scope),
    rows: &Rows,
    dry_run: bool,
    keep: Option<Keep<'_>>,
) -> Result<Outcome> {
    for _ in 0..TRIES {
        let mut conn = office.db.reader().acquire().await?;
        let kind = table.kind().ok_or(Error::Broken("a table of rows, not of commands"))?;
        let planned_on = Stamp::read(&mut conn, kind, scope.site).await?;
        let judged = (office.sync, office.randomness);
        let plan = match table {
            Table::Contacts => contacts::plan(&mut conn, scope, rows.clone(), judged).await?,
            Table::Prices => prices::plan(&mut conn, scope, rows.clone(), office.sync).await?,
            _ => return Err(Error::Broken("a table of rows, not of commands")),
        };
        drop(conn);
        let writes = plan.writes();
        let Plan { outcome, changes } = plan;
        if dry_run || !outcome.problems.is_empty() {
            return Ok(outcome);
        }
        let keep = match &keep {
            Some(Keep { name, body }) => Some(((*name).clone(), body(table, &outcome)?)),
            None => None,
        };
        let Changes::Commands(commands) = changes else {
            return Err(Error::Broken("a plan of other changes"));
        };
        if !writes {
            kept_alone(office, scope, keep).await?;
            return Ok(outcome);
        }
        let batch = OfficeBatch {
            person: office.person,
            device: office.device,
            session: office.session,
            commands,
            planned_on,
            audit: ("sheet_imported", detail(table, scope, &outcome)),
            keep,
        };
        if office.sync.office_batch(batch).await? {
            return Ok(outcome);
        }
    }
    Err(Error::problem(ProblemCode::Unavailable))
}

/// Keeps the answer to a request that writes nothing else.
async fn kept_alone(
    office: &Office<'_>,
    scope: &Scope,
    keep: Option<(RequestName, Vec<u8>)>,
) -> Result<()> {
    let Some((name, body)) = keep else { return Ok(()) };
    let mut transaction = office.db.begin_write().await?;
    idempotency::keep(&mut transaction, &name, (200, &body), scope.act.at_ms).await?;
    transaction.commit().await?;
    Ok(())
}
