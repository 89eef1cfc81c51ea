//! A record with what its page needs beside its review: names, devices, what waits for a word.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};
use sqlx::SqliteConnection;
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{DeviceId, FactKey, PersonId, RecordId};
use sync_core::model::time::Seen;
use sync_core::model::{patrol, work_order};
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::{self, Command, DenialCode, Moment, Review};

use super::any;
use super::cases::{self, Contents};
use super::desk::Desk;
use super::order::Wanted;
use super::to;
use super::words::Zone;
use crate::http::command::{place_of, site_of};
use crate::http::extract::{PathId, QueryOf};
use crate::http::names::names;
use crate::sync::{CaseWord, DeskCaseRow, asking};
use crate::{App, Error, Result};

/// A device as the timeline names it.
#[derive(Debug, Clone)]
pub struct Device {
    /// What its person calls it.
    pub name: String,
    /// Its certificate; a cookie session has none.
    pub certificate: Option<String>,
}

/// A record of a kind that has a page.
pub struct Sheet {
    /// The record.
    pub record: RecordId,
    /// Everything that can be said of it.
    pub review: Review,
    /// Its `signed` facts as they are stored.
    pub signed: BTreeMap<FactKey, StoredFact>,
    /// Names of everyone in it.
    pub names: BTreeMap<PersonId, String>,
    /// The devices it was written on.
    pub devices: BTreeMap<DeviceId, Device>,
    /// Its open desk cases, and decided ones whose last word can be taken back.
    pub desk_cases: Vec<DeskCaseRow>,
    /// What their commands say.
    pub contents: Contents,
    /// Who said what of them.
    pub words: Vec<CaseWord>,
    /// The site's zone.
    pub zone: Zone,
}

/// Desk cases of one record on its page.
const DESK_CASES_MAX: u64 = 200;
/// Of decided ones the latest.
const DECIDED_MAX: u64 = 20;

impl Sheet {
    /// Reads a record of a kind of the person's office.
    ///
    /// # Errors
    /// `not_found` if there is none there.
    pub async fn read(app: &App, desk: &Desk, (kind, record): (&str, RecordId)) -> Result<Self> {
        let mut conn = app.db.reader().acquire().await?;
        site_of(&mut conn, &desk.user, kind, record).await?;
        drop(conn);
        let mut desk_cases = app.sync.desk_cases_of_record(record, DESK_CASES_MAX).await?;
        desk_cases.extend(app.sync.desk_cases_decided(record, DECIDED_MAX).await?);
        let read = app.sync.read(record).await?;
        let (facts, _, review) = read.ok_or(Error::problem(ProblemCode::NotFound))?;
        let signs = |entry: &&rules::TimelineEntry| entry.fact_type == "signed";
        let signed: BTreeSet<FactKey> =
            review.timeline.iter().filter(signs).map(|entry| entry.key).collect();
        let signed = facts.into_iter().filter(|fact| signed.contains(&fact.key));
        let mut conn = app.db.reader().acquire().await?;
        let numbers: Vec<i64> = desk_cases.iter().map(|case| case.case).collect();
        let words = asking::words(&mut conn, &numbers).await?;
        Ok(Self {
            record,
            signed: signed.map(|fact| (fact.key, fact)).collect(),
            names: names(&mut conn, people(&review, &desk_cases, &words)).await?,
            words,
            devices: devices(&mut conn, &review).await?,
            contents: cases::commands(&mut conn, &desk_cases).await?,
            zone: Zone::named(&review.time_zone),
            desk_cases,
            review,
        })
    }

    /// Its page's address.
    pub fn url(&self) -> String {
        url_of(&self.review.kind, self.record)
    }

    /// What it is about.
    pub fn title(&self) -> String {
        rules::projection(&self.review).title
    }

    /// A person's name.
    pub fn person(&self, person: Option<PersonId>) -> &str {
        person.and_then(|person| self.names.get(&person)).map_or("—", String::as_str)
    }

    /// Whether a person's roles let it do something here, as far as the page can know: the writer
    /// asks the same rules again.
    pub fn permits(&self, desk: &Desk, command: &Command) -> bool {
        let moment = Moment {
            wall_ms: desk.user.now_ms,
            monotonic_ms: None,
            now_ms: desk.user.now_ms,
            seen: Seen { epoch: 0, sequence: 0 },
            session: desk.user.session.session,
            n: u64::from(u32::MAX),
            device: desk.user.session.device,
        };
        let done = rules::perform(command, &desk.user.principal, Some(&self.review), &moment);
        // What else may be wrong is told when it is tried.
        !done.is_err_and(|denial| denial.code == DenialCode::NotYourRole)
    }

    /// Whether it has a fact of a type.
    pub fn has(&self, fact_type: &str) -> bool {
        self.review.timeline.iter().any(|entry| entry.fact_type == fact_type)
    }
}

/// The address of a record's page.
pub fn url_of(kind: &str, record: RecordId) -> String {
    let folder = match kind {
        work_order::KIND => "orders",
        patrol::ROUND => "rounds",
        _ => "records",
    };
    format!("/office/{folder}/{record}")
}

/// Shows a record, whatever its kind; one with a page of its own there.
///
/// # Errors
/// `not_found` if it has none, or none for the person's office.
pub async fn find(
    State(app): State<App>,
    desk: Desk,
    PathId(record): PathId<RecordId>,
    QueryOf(wanted): QueryOf<Wanted>,
) -> Result<Response> {
    let mut conn = app.db.reader().acquire().await?;
    let (kind, _) = place_of(&mut conn, &desk.user, record).await?;
    drop(conn);
    if matches!(kind.as_str(), work_order::KIND | patrol::ROUND) {
        return Ok(to(&url_of(&kind, record)));
    }
    any::answer(&app, &desk, (record, &wanted), None).await
}

fn people(review: &Review, desk_cases: &[DeskCaseRow], words: &[CaseWord]) -> BTreeSet<PersonId> {
    let mut people: BTreeSet<PersonId> = desk_cases.iter().map(|case| case.person).collect();
    people.extend(words.iter().map(|word| word.person));
    for entry in &review.timeline {
        people.extend(entry.by);
        people.extend(entry.on_behalf_of);
        people.extend(named(&entry.content));
    }
    people.extend(review.assignee());
    people.extend(review.round.as_ref().and_then(|round| round.officer));
    people.extend(review.visits.iter().flat_map(|visit| visit.helpers.iter().copied()));
    people
}

/// The people that a fact names.
fn named(content: &Value) -> impl Iterator<Item = PersonId> {
    let field = content.get("field").and_then(Value::as_str);
    let of_people = matches!(field, Some("assignee" | "about" | "owner"));
    let value = content.get("value").filter(|_| of_people);
    let members = ["person", "about", "from_person"].map(|member| content.get(member));
    let of_value = [value, value.and_then(|value| value.get("person"))];
    let numbers = members.into_iter().chain(of_value).flatten().filter_map(Value::as_u64);
    numbers.filter_map(|number| u32::try_from(number).ok()).map(PersonId)
}

async fn devices(
    conn: &mut SqliteConnection,
    review: &Review,
) -> Result<BTreeMap<DeviceId, Device>> {
    let wanted: BTreeSet<DeviceId> = review.timeline.iter().filter_map(|e| e.device).collect();
    let rows: Vec<(u32, String, Option<String>)> = sqlx::query_as(
        "select device, name, certificate from device
         where device in (select value from json_each(?))",
    )
    .bind(json!(wanted).to_string())
    .fetch_all(conn)
    .await?;
    let rows = rows.into_iter();
    Ok(rows.map(|(id, name, certificate)| (DeviceId(id), Device { name, certificate })).collect())
}
