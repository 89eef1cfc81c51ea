//! Tables whose rows are no records: planned without the write lock, written in pieces, each in a
//! transaction of its own, so that other writers wait for one piece at most. What was cut between
//! two pieces is finished by importing the sheet again: what stands there already is unchanged.

use sqlx::SqliteConnection;

use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::Command;

use super::office::Keep;
use super::tables::{self, Changes, Table};
use super::{Outcome, Plan, Rows, Scope, apply};
use crate::db::Database;
use crate::ledger::Ledger;
use crate::sync::{Target, settle};
use crate::{Error, Result, idempotency};

/// Rows, or commands, of one transaction.
pub const PIECE_MAX: usize = 500;
/// How often it is planned anew, without any progress, because somebody wrote meanwhile.
pub(super) const TRIES: usize = 3;

impl Changes {
    /// Cuts long lists; what belongs together stays together.
    fn pieces(self) -> Vec<Self> {
        fn cut<T>(list: Vec<T>, piece: fn(Vec<T>) -> Changes) -> Vec<Changes> {
            let mut pieces = Vec::new();
            let mut list = list.into_iter();
            loop {
                let next: Vec<T> = list.by_ref().take(PIECE_MAX).collect();
                if next.is_empty() {
                    return pieces;
                }
                pieces.push(piece(next));
            }
        }
        match self {
            Self::Buildings(list) => cut(list, Self::Buildings),
            Self::Units(list) => cut(list, Self::Units),
            other => vec![other],
        }
    }
}

/// Plans a sheet and, unless it is a dry run or has a problem, writes it.
///
/// # Errors
/// `unavailable` if others never stop writing; a failure of the database.
pub async fn run(
    (db, ledger): (&Database, &Ledger),
    (table, scope): (Table, &Scope),
    rows: &Rows,
    dry_run: bool,
    keep: Option<Keep<'_>>,
) -> Result<Outcome> {
    let mut told: Option<Outcome> = None;
    let mut stuck = 0;
    loop {
        let mut conn = db.reader().acquire().await?;
        let mut planned_on = stamp(&mut conn).await?;
        let plan = tables::plan(&mut conn, table, scope, rows.clone()).await?;
        drop(conn);
        if dry_run || !plan.outcome.problems.is_empty() {
            return Ok(plan.outcome);
        }
        // What the whole sheet did is what was planned at first.
        let told = told.get_or_insert_with(|| plan.outcome.clone());
        let Plan { outcome, changes } = plan;
        let pieces = if outcome.added + outcome.changed + outcome.removed > 0 {
            changes.pieces()
        } else {
            vec![Changes::None]
        };
        let parts = pieces.len();
        let mut moved = false;
        for (part, changes) in pieces.into_iter().enumerate() {
            let mut transaction = db.begin_write().await?;
            if stamp(&mut transaction).await? != planned_on {
                moved = true;
                break;
            }
            let plan = Plan { outcome: outcome.clone(), changes };
            apply(&mut transaction, (table, scope), &plan, (part + 1, parts)).await?;
            if let Some(Keep { name, body }) = keep.as_ref().filter(|_| part + 1 == parts) {
                let body = body(table, told)?;
                let kept = idempotency::keep(&mut transaction, name, (200, &body), scope.act.at_ms);
                kept.await?;
            }
            settle(&mut transaction, ledger, scope.act.at_ms).await?;
            planned_on = stamp(&mut transaction).await?;
            transaction.commit().await?;
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

/// How far administrative acts are: everything that changes these tables is one, and stands in the
/// audit log.
async fn stamp(conn: &mut SqliteConnection) -> Result<i64> {
    let last = sqlx::query_scalar("select coalesce(max(id), 0) from audit");
    Ok(last.fetch_one(conn).await?)
}

/// Cuts commands into the pieces in which they are written; what is written to a record stays with
/// the opening of it.
pub(super) fn pieces_of(commands: Vec<(Target, Command)>) -> Vec<Vec<(Target, Command)>> {
    let mut pieces: Vec<Vec<(Target, Command)>> = Vec::new();
    for next in commands {
        match pieces.last_mut() {
            Some(piece) if piece.len() < PIECE_MAX || next.0 == Target::Opened => piece.push(next),
            _ => pieces.push(vec![next]),
        }
    }
    pieces
}
