//! The duty roster as one of the tables; its rules stand in `people::roster::import`. The shifts of
//! every date that stands in a sheet are replaced: a row that is left out there is removed.

use sqlx::SqliteConnection;

use super::{Changes, Outcome, Plan, Rows, Scope};
use crate::Result;
use crate::people::roster::{import, local};

/// Days before today that an export holds.
const DAYS_BEFORE: i64 = 31;
/// Days from today on that an export holds.
const DAYS_AHEAD: i64 = 366;

/// What a sheet would change.
///
/// # Errors
/// If the database does not answer.
pub async fn plan(conn: &mut SqliteConnection, scope: &Scope, rows: Rows) -> Result<Plan> {
    let sheet = import::of_rows(rows, scope.zone);
    let plan = import::plan(conn, scope.site, sheet).await?;
    let outcome = Outcome {
        rows: plan.outcome.rows,
        added: plan.outcome.added,
        changed: 0,
        removed: plan.outcome.removed,
        unchanged: plan.outcome.unchanged,
        problems: plan.outcome.problems.clone(),
    };
    Ok(Plan { outcome, changes: Changes::Roster(plan) })
}

/// The sheet of the shifts from a month ago to a year ahead.
///
/// # Errors
/// If the database does not answer.
pub async fn export(conn: &mut SqliteConnection, scope: &Scope) -> Result<Vec<u8>> {
    let day = |days| local::date(scope.zone, scope.act.at_ms, days);
    import::export(conn, scope.site, day(-DAYS_BEFORE), day(DAYS_AHEAD)).await
}
