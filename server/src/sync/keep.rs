//! How long a stored record has to stay, by the rules and by what else is stored: what `purge` asks
//! before it purges, inside its transaction, and what the job and the dry run ask beforehand.

use sqlx::SqliteConnection;
use sync_core::model::contact;
use sync_core::model::id::{RecordId, SiteId};
use sync_core::model::policy::SlaPolicy;
use sync_core::model::time::WallMs;
use sync_core::model::violation::{self, Assessment, Severity};
use sync_core::rules::retention::{
    contact_kept_until_ms, is_needed, last_change_ms, violation_kept_until_ms,
};
use sync_core::rules::{Details, Review};

use super::Shared;
use super::load::exact;
use super::office;
use super::people::People;
use crate::Result;

/// Why and until when a record stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: String,
    /// Its site.
    pub site: SiteId,
    /// The rule, as the audit log names it.
    pub rule: &'static str,
    /// It may be purged from this moment on; `None`: not as things stand.
    pub until_ms: Option<WallMs>,
    /// Records with something left to do that name it.
    pub needed_by: u64,
}

impl Kept {
    /// Whether its time is over.
    pub fn is_over(&self, now_ms: WallMs) -> bool {
        self.until_ms.is_some_and(|until_ms| until_ms <= now_ms)
    }
}

/// Judges a record; `None` where there is none (any more).
///
/// # Errors
/// If the database does not answer.
pub async fn kept(
    shared: &Shared,
    conn: &mut SqliteConnection,
    people: &People,
    record: RecordId,
    now_ms: WallMs,
) -> Result<Option<Kept>> {
    let read = office::read(shared, conn, people, record, now_ms).await?;
    let Some((_, _, review)) = read else { return Ok(None) };
    let Some(site) = review.site else { return Ok(None) };
    // The policy of now, not of the record's beginning: a site that keeps longer keeps what it has.
    let policy = people.policies.get(&site).and_then(|policies| policies.last());
    let policy = policy.cloned().unwrap_or_default();
    let kind = review.kind.clone();
    let mut kept = Kept { record, kind, site, rule: "for_ever", until_ms: None, needed_by: 0 };
    match review.kind.as_str() {
        violation::KIND => {
            let closed_at_ms = closed_at_ms(conn, &review).await?;
            let is_general = is_general(&review);
            kept.rule = if is_general { "violation_general" } else { "violation_serious" };
            kept.until_ms = violation_kept_until_ms(is_general, closed_at_ms, &policy);
        }
        contact::KIND => {
            kept.rule = "contact_kept_days";
            let mut using = Using { shared, people, now_ms, needed_by: 0, last_ms: None };
            using.take(conn, &review).await?;
            using.of_contact(conn, record).await?;
            kept.needed_by = using.needed_by;
            kept.until_ms = using.until_ms(&policy);
        }
        _ => {}
    }
    Ok(Some(kept))
}

/// When a violation was closed; `None` while it is open. A closing by a clock that nobody has
/// compared with the server's counts from when the record last came: never earlier than it was.
async fn closed_at_ms(conn: &mut SqliteConnection, review: &Review) -> Result<Option<WallMs>> {
    let Some(closed_at_ms) = review.closed_at_ms else { return Ok(None) };
    let mut at_that_time = review.timeline.iter().filter(|entry| entry.at_ms == closed_at_ms);
    if at_that_time.all(|entry| entry.verified) {
        return Ok(Some(closed_at_ms));
    }
    Ok(last_came_ms(conn, review.record).await?.max(Some(closed_at_ms)))
}

/// Whether a violation is and always was a general one; one that nobody has assessed, or of which
/// two people say different things, is kept like a serious one. To assess it anew does not make it
/// go earlier.
fn is_general(review: &Review) -> bool {
    let Some(Details::Violation(violation)) = &review.details else { return false };
    let conflict = review.fields.get("assessment").is_some_and(|field| !field.conflict.is_empty());
    let said = review.timeline.iter().filter(|entry| entry.content["field"] == "assessment");
    let mut said = said.map(|entry| serde_json::from_value(entry.content["value"].clone()));
    // What this version does not read may be a serious one.
    let ever_serious = said.any(|said: Result<Assessment, _>| {
        said.map_or(true, |assessment| assessment.severity() == Severity::Serious)
    });
    violation.severity == Some(Severity::General) && !conflict && !ever_serious
}

/// Who uses a contact, and until when somebody did.
struct Using<'a> {
    shared: &'a Shared,
    people: &'a People,
    now_ms: WallMs,
    needed_by: u64,
    last_ms: Option<WallMs>,
}

impl Using<'_> {
    /// Everything that names the contact.
    async fn of_contact(&mut self, conn: &mut SqliteConnection, contact: RecordId) -> Result<()> {
        let rows: Vec<(Vec<u8>,)> =
            sqlx::query_as("select record from contact_link where contact = ? order by record")
                .bind(contact.0.to_vec())
                .fetch_all(&mut *conn)
                .await?;
        for (record,) in rows {
            let record = RecordId(exact(&record)?);
            let read = office::read(self.shared, conn, self.people, record, self.now_ms).await?;
            let Some((_, _, review)) = read else { continue };
            self.needed_by += u64::from(is_needed(&review));
            self.take(conn, &review).await?;
        }
        Ok(())
    }

    async fn take(&mut self, conn: &mut SqliteConnection, review: &Review) -> Result<()> {
        // A phone's clock may say anything; when its work came is beyond doubt.
        let came_ms = last_came_ms(conn, review.record).await?;
        self.last_ms = self.last_ms.max(last_change_ms(review)).max(came_ms);
        Ok(())
    }

    fn until_ms(&self, policy: &SlaPolicy) -> Option<WallMs> {
        if self.needed_by > 0 {
            return None;
        }
        contact_kept_until_ms(self.last_ms?, policy)
    }
}

/// When something last came for a record.
async fn last_came_ms(conn: &mut SqliteConnection, record: RecordId) -> Result<Option<WallMs>> {
    let came_ms = sqlx::query_scalar("select max(received_ms) from change where record = ?")
        .bind(record.0.to_vec())
        .fetch_one(conn)
        .await?;
    Ok(came_ms)
}
