//! Tables whose rows are commands: they are written by the office session of whoever imports them,
//! judged like any other command, in pieces of which each is written whole or not at all.

use sync_core::environment::Randomness;
use sync_core::model::id::{DeviceId, PersonId, SessionId};
use sync_core::protocol::problem::ProblemCode;

use super::rows::{TRIES, pieces_of};
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

/// Plans a sheet and, unless it is a dry run or has a problem, writes it: in pieces, between which
/// others write. What was cut between two pieces is finished by importing the sheet again.
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
    let mut told: Option<Outcome> = None;
    let mut stuck = 0;
    loop {
        let mut conn = office.db.reader().acquire().await?;
        let kind = table.kind().ok_or(Error::Broken("a table of rows, not of commands"))?;
        let mut planned_on = Stamp::read(&mut conn, kind, scope.site).await?;
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
        // What the whole sheet did is what was planned at first.
        let told = told.get_or_insert_with(|| outcome.clone());
        let keep = match &keep {
            Some(Keep { name, body }) => Some(((*name).clone(), body(table, told)?)),
            None => None,
        };
        let Changes::Commands(commands) = changes else {
            return Err(Error::Broken("a plan of other changes"));
        };
        if !writes {
            kept_alone(office, scope, keep).await?;
            return Ok(told.clone());
        }
        let pieces = pieces_of(commands);
        let parts = pieces.len();
        let mut moved = false;
        for (part, commands) in pieces.into_iter().enumerate() {
            let batch = OfficeBatch {
                person: office.person,
                device: office.device,
                session: office.session,
                commands,
                planned_on,
                audit: ("sheet_imported", detail((table, scope), &outcome, (part + 1, parts))),
                keep: keep.clone().filter(|_| part + 1 == parts),
            };
            let Some(next) = office.sync.office_batch(batch).await? else {
                moved = true;
                break;
            };
            planned_on = next;
            stuck = 0;
        }
        if !moved {
            return Ok(told.clone());
        }
        stuck += 1;
        if stuck == TRIES {
            return Err(Error::problem(ProblemCode::Unavailable));
        }
    }
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
