//! A site's own checklists of patrols. A list has versions: a round carries the items as they stood
//! when it was planned.

use sqlx::SqliteConnection;
use sync_core::model::id::SiteId;
use sync_core::model::patrol::SiteChecklist;

use super::Act;
use crate::{Error, Result};

/// The newest version of each list, by code.
///
/// # Errors
/// If the database does not answer.
pub async fn of_site(conn: &mut SqliteConnection, site: SiteId) -> Result<Vec<SiteChecklist>> {
    let rows: Vec<(String, u32, String, String)> = sqlx::query_as(
        "select checklist, version, name, items from checklist c where site = ?
           and version = (select max(version) from checklist
                          where site = c.site and checklist = c.checklist)
         order by checklist",
    )
    .bind(site.0)
    .fetch_all(conn)
    .await?;
    let list = |(code, version, name, items): (String, u32, String, String)| {
        let items = serde_json::from_str(&items)
            .map_err(|_| Error::Broken("a checklist in the database does not read"))?;
        Ok(SiteChecklist { code, version, name, items })
    };
    rows.into_iter().map(list).collect()
}

/// Writes a version of a list; who tells phones is the caller.
///
/// # Errors
/// If the database does not answer, or has this version.
pub async fn put(
    conn: &mut SqliteConnection,
    act: Act,
    site: SiteId,
    list: &SiteChecklist,
) -> Result<()> {
    let items = serde_json::to_string(&list.items)
        .map_err(|_| Error::Broken("a checklist does not write"))?;
    sqlx::query(
        "insert into checklist (site, checklist, version, name, items, from_ms)
         values (?, ?, ?, ?, ?, ?)",
    )
    .bind(site.0)
    .bind(&list.code)
    .bind(list.version)
    .bind(&list.name)
    .bind(items)
    .bind(act.at_ms)
    .execute(conn)
    .await?;
    Ok(())
}
