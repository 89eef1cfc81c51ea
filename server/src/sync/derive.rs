//! Facts the server writes by a rule: what follows from any record, an alarm that goes on, a plan's
//! rounds. Their keys and contents come from the cause, so that two servers, two runners or two
//! lives write the same ones, once.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use sync_core::model::fact::{Fact, StoredFact};
use sync_core::model::id::{FactKey, RecordId};
use sync_core::model::payload::{GeneralFact, Payload};
use sync_core::model::time::{Seen, WallMs};
use sync_core::rules::{Opening, Review, consequences, follows};

use super::Shared;
use super::cases;
use super::decide::Incoming;
use super::due;
use super::load::{self, exact, list};
use super::office;
use super::outage;
use super::people::People;
use super::repeats;
use super::rows::pieces;
use super::stops::Stops;
use super::write::{self, Planned, Poke, WriteContext};
use crate::{Error, Result};

/// Records opened in one transaction: a round full of findings must not hold up the writer.
const OPENINGS_MAX: usize = 200;
/// Times that what follows is asked what follows from it, in one transaction.
const STEPS_MAX: usize = 20;

/// What follows in a record, as it stands when it is written; `None` while nothing opened it.
pub type Follows = Box<dyn FnOnce(Option<&Review>) -> Vec<Derived> + Send>;

/// A fact that follows from a cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// The rule's name, e.g. `alert`.
    pub rule: &'static str,
    /// What it follows from: keys, ids, a rank.
    pub cause: String,
    /// The moment it stands for, e.g. the deadline that passed. Milliseconds.
    pub at_ms: WallMs,
    /// What it says.
    pub payload: Payload,
    /// The facts it follows, where it names them.
    pub after: Vec<FactKey>,
}

impl Derived {
    /// The opening of a record.
    pub fn opening(opening: Opening, at_ms: WallMs) -> Self {
        Self {
            rule: "created",
            cause: opening.created.from.clone().unwrap_or_default(),
            at_ms,
            payload: Payload::General(GeneralFact::Created(opening.created)),
            after: Vec::new(),
        }
    }

    fn fact(self, record: RecordId) -> Fact {
        Fact {
            key: FactKey::derive(record, self.rule, &self.cause, 0),
            wall_ms: self.at_ms,
            monotonic_ms: None,
            // Nothing that a person saw: the same in every life of the server.
            seen: Seen::default(),
            after: Some(self.after),
            said_at_ms: None,
            on_behalf_of: None,
            corrects: Vec::new(),
            payload: self.payload,
            stored_content: None,
        }
    }
}

/// Facts on their way to the writer.
pub struct DeriveJob {
    /// The record.
    pub record: RecordId,
    /// What follows in it.
    pub follows: Follows,
    /// By which policies it is judged.
    pub people: std::sync::Arc<People>,
    /// The server's life.
    pub epoch: u32,
    /// Server time.
    pub now_ms: WallMs,
}

/// Writes what follows and does not stand there yet; says whether anything was written.
///
/// # Errors
/// If the database does not answer; the caller rolls back.
pub async fn write(
    shared: &Shared,
    conn: &mut SqliteConnection,
    job: DeriveJob,
) -> Result<(bool, Vec<Poke>)> {
    let DeriveJob { record, follows, people, epoch, now_ms } = job;
    if !load::purged(conn, &[record]).await?.is_empty() {
        // What was purged comes back by no cause.
        return Ok((false, Vec::new()));
    }
    let read = office::read(shared, conn, &people, record, now_ms).await?;
    let review = read.as_ref().map(|(_, _, review)| review);
    let known: BTreeSet<FactKey> =
        review.iter().flat_map(|r| r.timeline.iter().map(|entry| entry.key)).collect();
    let derived = follows(review).into_iter().map(|derived| derived.fact(record));
    let new: Vec<Fact> = derived.filter(|fact| !known.contains(&fact.key)).collect();
    if new.is_empty() {
        return Ok((false, Vec::new()));
    }
    let planned = plan(shared, conn, &people, (record, &new), now_ms).await?;
    let mut planned = [planned];
    let mut stops = Stops::new(shared.hooks.as_ref(), "derive");
    let context = WriteContext { epoch, now_ms };
    let mut pokes = write::plans(conn, &mut planned, context, &mut stops).await?;
    pokes.extend(follow(shared, conn, &people, &planned, context).await?);
    Ok((true, pokes))
}

async fn plan(
    shared: &Shared,
    conn: &mut SqliteConnection,
    people: &People,
    (record, facts): (RecordId, &[Fact]),
    now_ms: WallMs,
) -> Result<Planned> {
    let stored = facts.iter().map(Fact::store).collect::<Result<Vec<StoredFact>, _>>();
    let stored = stored.map_err(|_| Error::Broken("a derived fact is no canonical JSON"))?;
    let incoming = Incoming::Derived { facts: stored };
    cases::plan(shared, conn, people, record, Some(&incoming), now_ms).await
}

/// Writes what follows from these records by now, in the transaction that accepted them: nobody
/// sees a finding whose order is not there. The minutes of 三 3.2 count from now, its arrival.
/// What a person saved is stored, whatever becomes of what follows from it; that stays due.
///
/// # Errors
/// If the process is to stop here, or the database does not answer at all.
pub async fn follow(
    shared: &Shared,
    conn: &mut SqliteConnection,
    people: &People,
    planned: &[Planned],
    context: WriteContext,
) -> Result<Vec<Poke>> {
    let reviews = planned.iter().filter_map(|planned| planned.plan.review.as_deref());
    let reviews: Vec<&Review> = reviews.collect();
    let mut following = Following::of(shared, people, context);
    let wanted = following.wanted(conn, &reviews).await?;
    if !wanted.is_empty() {
        sqlx::query("savepoint follows").execute(&mut *conn).await?;
        match following.all(conn, wanted).await {
            Ok(()) => {}
            Err(error @ Error::Stopped(_)) => return Err(error),
            Err(error) => {
                tracing::error!(%error, "what follows could not be written");
                sqlx::query("rollback to follows").execute(&mut *conn).await?;
                following.failed.extend(reviews.iter().map(|review| review.record));
                following.pokes.clear();
            }
        }
        sqlx::query("release follows").execute(&mut *conn).await?;
    }
    let Followed { pokes, failed, later } = following.ended();
    due::again(conn, failed.union(&later), context.now_ms).await?;
    Ok(pokes)
}

/// [`follow`] of one record, where nothing else depends on it. What could be written is, whatever
/// becomes of the rest.
///
/// # Errors
/// If the database does not answer.
pub async fn follow_review(
    shared: &Shared,
    conn: &mut SqliteConnection,
    people: &People,
    review: &Review,
    context: WriteContext,
) -> Result<Followed> {
    let mut following = Following::of(shared, people, context);
    let wanted = following.wanted(conn, &[review]).await?;
    following.all(conn, wanted).await?;
    Ok(following.ended())
}

/// What came of what follows.
pub struct Followed {
    /// Who is to look again.
    pub pokes: Vec<Poke>,
    /// Records from which something follows that could not be written.
    pub failed: BTreeSet<RecordId>,
    /// Records from which more follows than one transaction takes.
    pub later: BTreeSet<RecordId>,
}

/// What follows from some records and is not there, as far as their reviews say.
#[derive(Default)]
struct Wanted {
    facts: BTreeMap<RecordId, Vec<Fact>>,
    /// Each with the record it follows from.
    openings: BTreeMap<RecordId, (RecordId, Opening)>,
}

impl Wanted {
    fn of<'a>(reviews: impl Iterator<Item = &'a Review>, now_ms: WallMs) -> Self {
        let mut wanted = Self::default();
        for review in reviews {
            let from = review.record;
            let new = |fact: &Fact| review.timeline.iter().all(|entry| entry.key != fact.key);
            let facts = follows(review, now_ms).into_iter().map(|follow| follow.fact(from));
            let facts: Vec<Fact> = facts.filter(new).collect();
            if !facts.is_empty() {
                wanted.facts.insert(from, facts);
            }
            let openings = consequences(review, now_ms).into_iter();
            wanted.openings.extend(openings.map(|opening| (opening.record, (from, opening))));
        }
        wanted
    }

    fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.openings.is_empty()
    }

    /// Callers hear of an outage's end.
    fn add_ends(&mut self, ends: BTreeMap<RecordId, Vec<Derived>>) {
        for (caller, derived) in ends {
            let facts = derived.into_iter().map(|one| one.fact(caller));
            self.facts.entry(caller).or_default().extend(facts);
        }
    }

    /// The earlier complaint of the same unit and subject, for those that name none yet.
    async fn add_repeats<'a>(
        &mut self,
        conn: &mut SqliteConnection,
        people: &People,
        reviews: impl Iterator<Item = &'a Review>,
    ) -> Result<()> {
        for review in reviews.filter(|review| repeats::may_repeat(review)) {
            if let Some(fact) = repeats::repeat_of(conn, people, review).await? {
                self.facts.entry(review.record).or_default().push(fact);
            }
        }
        Ok(())
    }
}

/// Writing what follows, and what follows from that.
struct Following<'a> {
    shared: &'a Shared,
    people: &'a People,
    context: WriteContext,
    pokes: Vec<Poke>,
    failed: BTreeSet<RecordId>,
    later: BTreeSet<RecordId>,
}

impl<'a> Following<'a> {
    fn of(shared: &'a Shared, people: &'a People, context: WriteContext) -> Self {
        let (failed, later) = (BTreeSet::new(), BTreeSet::new());
        Self { shared, people, context, pokes: Vec::new(), failed, later }
    }

    fn ended(self) -> Followed {
        Followed { pokes: self.pokes, failed: self.failed, later: self.later }
    }

    /// What follows from these records. What only other records can say, and do not, stays due:
    /// what a person saved is stored all the same.
    async fn wanted(&mut self, conn: &mut SqliteConnection, reviews: &[&Review]) -> Result<Wanted> {
        let Self { shared, people, context, .. } = *self;
        let mut wanted = Wanted::of(reviews.iter().copied(), context.now_ms);
        let others = async {
            wanted.add_repeats(conn, people, reviews.iter().copied()).await?;
            wanted.add_ends(outage::ends(shared, conn, people, reviews, context.now_ms).await?);
            Ok(())
        };
        match others.await {
            Ok(()) => {}
            Err(error @ Error::Stopped(_)) => return Err(error),
            Err(error) => {
                tracing::error!(%error, "what follows from other records could not be read");
                self.failed.extend(reviews.iter().map(|review| review.record));
            }
        }
        Ok(wanted)
    }

    /// Until nothing more follows; a rule that never ends is cut off, and goes on when it is due.
    async fn all(&mut self, conn: &mut SqliteConnection, wanted: Wanted) -> Result<()> {
        let mut wanted = wanted;
        for _ in 0..STEPS_MAX {
            let mut plans = self.plans(conn, std::mem::take(&mut wanted)).await?;
            if plans.is_empty() {
                return Ok(());
            }
            let mut stops = Stops::new(self.shared.hooks.as_ref(), "derive");
            self.pokes.extend(write::plans(conn, &mut plans, self.context, &mut stops).await?);
            let reviews = plans.iter().filter_map(|planned| planned.plan.review.as_deref());
            wanted = self.wanted(conn, &reviews.collect::<Vec<_>>()).await?;
        }
        if !wanted.is_empty() {
            tracing::warn!("something follows for ever");
            self.failed.extend(wanted.facts.keys());
            self.failed.extend(wanted.openings.values().map(|(from, _)| *from));
        }
        Ok(())
    }

    async fn plans(
        &mut self,
        conn: &mut SqliteConnection,
        mut wanted: Wanted,
    ) -> Result<Vec<Planned>> {
        if !wanted.openings.is_empty() {
            let ids: Vec<RecordId> = wanted.openings.keys().copied().collect();
            for record in opened(conn, &ids).await? {
                wanted.openings.remove(&record);
            }
        }
        if wanted.openings.len() > OPENINGS_MAX {
            let left = wanted.openings.values().skip(OPENINGS_MAX).map(|(from, _)| *from);
            self.later.extend(left);
        }
        let openings = wanted.openings.into_iter().take(OPENINGS_MAX);
        let now_ms = self.context.now_ms;
        let openings = openings.map(|(record, (from, opening))| {
            (record, from, vec![Derived::opening(opening, now_ms).fact(record)])
        });
        let facts = wanted.facts.into_iter().map(|(record, facts)| (record, record, facts));
        let mut plans = Vec::new();
        for (record, from, facts) in facts.chain(openings) {
            match plan(self.shared, conn, self.people, (record, &facts), now_ms).await {
                Ok(planned) => plans.push(planned),
                Err(error @ Error::Stopped(_)) => return Err(error),
                Err(error) => {
                    tracing::error!(%error, %record, "what follows could not be planned");
                    self.failed.insert(from);
                }
            }
        }
        Ok(plans)
    }
}

/// Those of `records` that something has opened.
async fn opened(conn: &mut SqliteConnection, records: &[RecordId]) -> Result<Vec<RecordId>> {
    let mut found = Vec::new();
    for piece in pieces(records) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "select record from record
             where (site is not null or purged_ms is not null) and record in ",
        );
        list(&mut query, piece.iter().map(|id| id.0.to_vec()));
        let rows: Vec<(Vec<u8>,)> = query.build_query_as().fetch_all(&mut *conn).await?;
        for (record,) in rows {
            found.push(RecordId(exact(&record)?));
        }
    }
    Ok(found)
}
