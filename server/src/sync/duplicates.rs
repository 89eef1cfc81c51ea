//! Records that are perhaps one: a desk case for each pair, and what the office's word on a pair
//! does to the case. What decides is in `rules::duplicates`.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sqlx::SqliteConnection;
use sync_core::model::id::{DeviceId, PersonId, RecordId, SiteId};
use sync_core::model::reception;
use sync_core::model::time::WallMs;
use sync_core::rules::TimelineEntry;
use sync_core::rules::duplicates::{Likeness, are_suspects};

use super::load::exact;
use super::log::LogRow;
use super::write::{self, Planned};
use crate::Result;

/// The kind of the case.
pub const DUPLICATE_SUSPECT: &str = "duplicate_suspect";
/// The word on it that puts one of the two aside.
pub const MERGED: &str = "merge_duplicates";

/// Records of one unit and sort, opened within the policy's time, that are looked at: hostile
/// facts could make any number.
const OTHERS_MAX: i64 = 20;

/// Opens a case in a record that was opened now for each other one that it perhaps is (R3.47), and
/// closes those of a record that was put aside (R3.48); answers the sites that have news.
///
/// # Errors
/// If the database does not answer.
pub async fn write(
    conn: &mut SqliteConnection,
    planned: &[Planned],
    now_ms: WallMs,
) -> Result<BTreeSet<SiteId>> {
    let mut sites = BTreeSet::new();
    for planned in planned {
        if let Some((like, within_ms)) = &planned.plan.opened_like {
            for (other, other_like) in others(conn, planned.record, like, *within_ms).await? {
                if are_suspects(like, &other_like, *within_ms) {
                    let who = (like.site, like.opened_by, number_of(planned));
                    write::pair_case(conn, DUPLICATE_SUSPECT, who, (planned.record, other), now_ms)
                        .await?;
                    sites.insert(like.site);
                }
            }
        }
        let Some(review) = planned.plan.review.as_deref() else { continue };
        let word = review.timeline.iter().rfind(|entry| entry.fact_type == "duplicate_of");
        if let (Some(other), Some(site), Some(word)) = (review.duplicate_of, review.site, word)
            && is_new(planned, word)
        {
            put_aside(conn, site, (review.record, other, word), now_ms).await?;
            sites.insert(site);
        }
    }
    Ok(sites)
}

/// Whether a fact may have been accepted in this write.
fn is_new(planned: &Planned, entry: &TimelineEntry) -> bool {
    let plan = &planned.plan;
    let holds = |row: &LogRow| row.facts.iter().any(|fact| fact.key == entry.key);
    plan.rows.iter().any(holds) || !plan.row_changes.is_empty()
}

/// The number of the command that opened a record.
fn number_of(planned: &Planned) -> u64 {
    let review = planned.plan.review.as_deref();
    let timeline = review.map(|review| &review.timeline[..]).unwrap_or_default();
    let created = timeline.iter().find(|entry| entry.fact_type == "created");
    created.and_then(|entry| entry.key.number()).unwrap_or_default()
}

#[derive(sqlx::FromRow)]
struct Row {
    record: Vec<u8>,
    status: String,
    created_at_ms: i64,
    person: u32,
    device: u32,
}

/// The other records of the kind, unit and sort that were opened within so long: by an index, in
/// one statement for each record that is opened.
async fn others(
    conn: &mut SqliteConnection,
    record: RecordId,
    like: &Likeness,
    within_ms: i64,
) -> Result<Vec<(RecordId, Likeness)>> {
    let sql = if like.kind == reception::KIND { RECEPTIONS } else { ORDERS };
    let rows: Vec<Row> = sqlx::query_as(sql)
        .bind(like.site.0)
        .bind(&like.unit)
        .bind(like.opened_ms.saturating_sub(within_ms))
        .bind(like.opened_ms.saturating_add(within_ms))
        .bind(&like.sort)
        .bind(record.0.to_vec())
        .bind(OTHERS_MAX)
        .fetch_all(conn)
        .await?;
    let other = |row: Row| {
        // A status of another version is none that is over here.
        let Ok(status) = serde_json::from_value(Value::String(row.status)) else {
            return Ok(None);
        };
        let opened_by = (PersonId(row.person), DeviceId(row.device));
        let opened_ms = row.created_at_ms;
        let like = Likeness { opened_ms, opened_by, status, ..like.clone() };
        Ok(Some((RecordId(exact(&row.record)?), like)))
    };
    rows.into_iter().filter_map(|row| other(row).transpose()).collect()
}

const ORDERS: &str = "select w.record, w.status, w.created_at_ms, c.person, c.device
     from work_order w join change c on c.id = (select min(id) from change
       where record = w.record and person is not null and state in ('accepted', 'rewritten'))
     where w.site = ?1 and w.unit = ?2 and w.created_at_ms between ?3 and ?4
       and w.category = ?5 and w.record <> ?6
     order by w.created_at_ms desc limit ?7";
const RECEPTIONS: &str = "select w.record, w.status, w.created_at_ms, c.person, c.device
     from record_card w join change c on c.id = (select min(id) from change
       where record = w.record and person is not null and state in ('accepted', 'rewritten'))
     where w.kind = 'reception' and w.site = ?1 and w.unit = ?2
       and w.created_at_ms between ?3 and ?4 and w.subject = ?5 and w.record <> ?6
     order by w.created_at_ms desc limit ?7";

fn params(other: RecordId) -> String {
    json!({ "record": other }).to_string()
}

/// The word that put a record aside closes the pair's case. Where each of the two was put aside for
/// the other, by people who knew nothing of one another, neither goes on: the case is open again.
async fn put_aside(
    conn: &mut SqliteConnection,
    site: SiteId,
    (record, other, word): (RecordId, RecordId, &TimelineEntry),
    now_ms: WallMs,
) -> Result<()> {
    let by = word.by.unwrap_or(PersonId(0));
    let both: bool = sqlx::query_scalar(
        "select exists (select 1 from link where record = ? and field = 'duplicate_of'
           and target = ?)",
    )
    .bind(other.0.to_vec())
    .bind(record.0.to_vec())
    .fetch_one(&mut *conn)
    .await?;
    let changed: Vec<i64> = sqlx::query_scalar(
        "update desk_case set closed_ms = case when ?1 then null else ?2 end
         where kind = ?3 and (closed_ms is null) <> ?1
           and (record = ?4 and params = ?5 or record = ?6 and params = ?7) returning id",
    )
    .bind(both)
    .bind(now_ms)
    .bind(DUPLICATE_SUSPECT)
    .bind(record.0.to_vec())
    .bind(params(other))
    .bind(other.0.to_vec())
    .bind(params(record))
    .fetch_all(&mut *conn)
    .await?;
    for case in &changed {
        sqlx::query(
            "insert into desk_case_action (desk_case, at_ms, person, action, reason)
             values (?, ?, ?, ?, ?)",
        )
        .bind(case)
        .bind(now_ms)
        .bind(by.0)
        .bind(MERGED)
        .bind(word.content["reason"].as_str().unwrap_or_default())
        .execute(&mut *conn)
        .await?;
    }
    if both {
        let from = word.key.number().unwrap_or_default();
        let who = (site, (by, word.device.unwrap_or(DeviceId(0))), from);
        write::pair_case(conn, DUPLICATE_SUSPECT, who, (record, other), now_ms).await?;
    }
    Ok(())
}
