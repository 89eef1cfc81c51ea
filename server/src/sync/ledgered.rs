//! The ledger and the database: what a transaction owes the ledger stands there before it commits,
//! and what the ledger says and this database, restored from a backup, does not know is carried
//! out before anybody is served, before the next line and with every run of the job.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::SqliteConnection;
use sync_core::environment::{Hooks, NoHooks};
use sync_core::model::time::WallMs;

use super::load::number;
use super::purge;
use super::stops::Stops;
use super::write::Poke;
use super::{Bearer, Ledgered, Shared, Sync};
use crate::ledger::{Befell, Entry, Event, Given, Ledger, Numbered, Position};
use crate::people::{Act, audit, device, directory, grant, owed, reference_changed_after};
use crate::{Error, Result};

/// Writes what this transaction owes the ledger, and which numbers it has given. To be called
/// right before its commit: what it says is durable then, and holds whether the commit succeeds or
/// not.
///
/// # Errors
/// If the ledger or the database cannot be written; the caller rolls back.
pub async fn settle(conn: &mut SqliteConnection, ledger: &Ledger, now_ms: WallMs) -> Result<()> {
    let owed = owed::owed(conn).await?;
    if !owed.is_empty() {
        // Who serves learns by the next sync: these are lines of a transaction that failed.
        let mut pokes = Vec::new();
        let before = position(conn).await?.n;
        catch_up(&NoHooks, conn, ledger, now_ms, &mut pokes).await?;
        let carried_out = position(conn).await?.n != before;
        let events: Vec<Event> = owed.iter().map(|(_, event)| event.clone()).collect();
        pay(conn, ledger, owed).await?;
        if carried_out {
            // What this transaction has done came after those lines, and holds.
            let last = position(conn).await?.n;
            let first = last.saturating_sub(events.len() as u64);
            for (n, event) in (first + 1..).zip(&events) {
                again(conn, n, event, now_ms).await?;
            }
        }
    }
    tell_given(conn, ledger).await
}

async fn pay(conn: &mut SqliteConnection, ledger: &Ledger, owed: Vec<(i64, Event)>) -> Result<()> {
    let Some(last) = owed.last().map(|(id, _)| *id) else { return Ok(()) };
    let events = owed.into_iter().map(|(_, event)| event).collect();
    let appending = ledger.clone();
    let position = blocking(move || appending.append_all(events)).await?;
    owed::paid(conn, last).await?;
    keep_position(conn, &position).await
}

impl Sync {
    /// [`settle`], for whoever has a transaction of its own; without a ledger nothing is owed.
    ///
    /// # Errors
    /// As there.
    pub async fn settle(&self, conn: &mut SqliteConnection) -> Result<()> {
        match &self.shared.ledger {
            Some(ledger) => settle(conn, ledger, self.shared.clock.wall_ms()).await,
            None => Ok(()),
        }
    }
}

/// Ledger entries carried out by one transaction.
const ENTRIES_AT_ONCE: usize = 200;

/// Carries out what the ledger says and this database does not know, pays what nobody settled and
/// finds where numbers go on; says whether there is more. R5.18.
///
/// # Errors
/// If the ledger is damaged, is another database's or lacks what this one has carried out.
pub(super) async fn carry_out_some(
    shared: &Shared,
    conn: &mut SqliteConnection,
    now_ms: WallMs,
) -> Result<(Ledgered, Vec<Poke>)> {
    let mut pokes = Vec::new();
    let Some(ledger) = shared.ledger.clone() else { return Ok((Ledgered::default(), pokes)) };
    let more = carry_out(shared.hooks.as_ref(), conn, &ledger, now_ms, &mut pokes).await?;
    if !more {
        even(conn, &ledger).await?;
    }
    Ok((Ledgered { more }, pokes))
}

/// What a process at the machine does before it changes anything: as a server before it serves.
///
/// # Errors
/// As `carry_out_some`.
pub async fn begin(conn: &mut SqliteConnection, ledger: &Ledger, now_ms: WallMs) -> Result<()> {
    let mut pokes = Vec::new();
    catch_up(&NoHooks, conn, ledger, now_ms, &mut pokes).await?;
    even(conn, ledger).await
}

/// The ledger has what was owed to it, and numbers go on where they should.
async fn even(conn: &mut SqliteConnection, ledger: &Ledger) -> Result<()> {
    let owed = owed::owed(conn).await?;
    if !owed.is_empty() {
        tracing::warn!(lines = owed.len(), "lines that were owed to the ledger are written");
        pay(conn, ledger, owed).await?;
    }
    go_on(conn, ledger).await?;
    tell_given(conn, ledger).await
}

/// Carries out everything that is to be carried out before another line may follow.
///
/// # Errors
/// As [`carry_out_some`].
pub(super) async fn catch_up(
    hooks: &dyn Hooks,
    conn: &mut SqliteConnection,
    ledger: &Ledger,
    now_ms: WallMs,
    pokes: &mut Vec<Poke>,
) -> Result<()> {
    while carry_out(hooks, conn, ledger, now_ms, pokes).await? {}
    Ok(())
}

async fn carry_out(
    hooks: &dyn Hooks,
    conn: &mut SqliteConnection,
    ledger: &Ledger,
    now_ms: WallMs,
    pokes: &mut Vec<Poke>,
) -> Result<bool> {
    let known = position(conn).await?;
    if end(ledger).await?.is(&known) {
        return Ok(false);
    }
    let entries = entries_after(ledger, &known).await?;
    let more = entries.len() > ENTRIES_AT_ONCE;
    let mut stops = Stops::new(hooks, "ledger");
    for entry in entries.into_iter().take(ENTRIES_AT_ONCE) {
        if let Event::Purged { record, site, .. } = &entry.event {
            if let Some(new) = purge::again(conn, &entry.event, now_ms, &mut stops).await? {
                tracing::warn!(entry = entry.n, %record, "purged again: the ledger says so");
                pokes.extend(new);
                let detail = json!({ "record": record, "rule": "ledger", "site": site,
                    "ledger": entry.n });
                note(conn, now_ms, "record_purged", &detail).await?;
            }
        } else {
            again(conn, entry.n, &entry.event, now_ms).await?;
        }
        keep_position(conn, &Position::after(entry.n, entry.hash)).await?;
        stops.inside().await?;
    }
    Ok(more)
}

async fn note(
    conn: &mut SqliteConnection,
    now_ms: WallMs,
    name: &'static str,
    detail: &serde_json::Value,
) -> Result<()> {
    audit::append(conn, Act::at_the_machine(now_ms), name, detail).await
}

/// Does again what befell devices, people and roles: the last line of a kind holds. R0.28.
async fn again(conn: &mut SqliteConnection, n: u64, event: &Event, now_ms: WallMs) -> Result<()> {
    match event {
        Event::Begun { .. } | Event::Purged { .. } => Ok(()),
        Event::Reserved { numbers, to, .. } => {
            sqlx::query("update number_given set reserved = max(reserved, ?) where numbers = ?")
                .bind(*to)
                .bind(numbers.code())
                .execute(conn)
                .await?;
            Ok(())
        }
        Event::Device { device, person, what, at } => {
            let who = Bearer { person: *person, device: *device };
            // One that the backup does not know comes in revoked, if ever.
            if !device::befell(conn, who, *what, *at).await? {
                return Ok(());
            }
            tracing::warn!(entry = n, %device, ?what, "done again: the ledger says so");
            let name = match what {
                Befell::Revoked => "device_revoked",
                Befell::Locked => "device_locked",
                Befell::Unlocked => "device_unlocked",
                Befell::Lost => "device_lost",
                Befell::Found => "device_found",
            };
            note(conn, now_ms, name, &json!({ "device": device, "ledger": n })).await
        }
        Event::PersonDisabled { person, at, reference } => {
            let act = Act::at_the_machine(now_ms);
            if !directory::disable_again(conn, act, *person, *at).await? {
                return Ok(());
            }
            tracing::warn!(entry = n, %person, "disabled again: the ledger says so");
            note(conn, now_ms, "person_disabled", &json!({ "person": person, "ledger": n }))
                .await?;
            reference_changed_after(conn, *reference).await?;
            Ok(())
        }
        Event::Role { grant, reference, .. } => {
            if !grant::carry_out(conn, grant).await? {
                return Ok(());
            }
            let (person, role, site) = (grant.person, grant.role, grant.site);
            tracing::warn!(entry = n, %person, %site, "a role is as the ledger says");
            let name = if grant.ended.is_some() { "role_ended" } else { "role_granted" };
            let detail = json!({ "person": person, "role": role, "site": site, "ledger": n });
            note(conn, now_ms, name, &detail).await?;
            reference_changed_after(conn, *reference).await?;
            Ok(())
        }
    }
}

/// How many numbers of each kind the database says were given, and the end of the last block.
async fn numbers(conn: &mut SqliteConnection) -> Result<BTreeMap<Numbered, (u32, u32)>> {
    let rows: Vec<(String, u32, u32)> =
        sqlx::query_as("select numbers, given, reserved from number_given").fetch_all(conn).await?;
    let of = |numbers: Numbered| {
        let row = rows.iter().find(|(code, ..)| code == numbers.code());
        (numbers, row.map_or((0, 0), |(_, given, reserved)| (*given, *reserved)))
    };
    Ok(Numbered::ALL.into_iter().map(of).collect())
}

/// Lets numbers go on above all that were ever given (R0.29).
async fn go_on(conn: &mut SqliteConnection, ledger: &Ledger) -> Result<()> {
    let witness = ledger.given();
    for (numbers, (given, reserved)) in numbers(conn).await? {
        let from = Given::go_on(witness, numbers, given, reserved);
        if from > given {
            tracing::warn!(?numbers, from, "numbers go on above what this database knows");
            sqlx::query("update number_given set given = ? where numbers = ?")
                .bind(from)
                .bind(numbers.code())
                .execute(&mut *conn)
                .await?;
        }
    }
    Ok(())
}

async fn tell_given(conn: &mut SqliteConnection, ledger: &Ledger) -> Result<()> {
    let numbers = numbers(conn).await?;
    let witness = ledger.given();
    // Never lower: what it says was given.
    let of = |kind| {
        let given = numbers.get(&kind).map_or(0, |(given, _)| *given);
        given.max(witness.map_or(0, |witness| witness.of(kind)))
    };
    let given = Given { device: of(Numbered::Device), person: of(Numbered::Person) };
    if given == witness.unwrap_or_default() { Ok(()) } else { ledger.put_given(given) }
}

/// The entries after what this database has carried out. Its last one must stand in the ledger.
async fn entries_after(ledger: &Ledger, known: &Position) -> Result<Vec<Entry>> {
    let from = known.n.saturating_sub(1);
    let reading = ledger.clone();
    let mut entries = blocking(move || reading.after(from)).await?;
    if known.n == 0 {
        return Ok(entries);
    }
    let folder = ledger.folder().display();
    if entries.is_empty() {
        return Err(Error::Configuration(format!(
            "the ledger in {folder} ends before entry {}, which this database has carried out: \
             bring back your latest copy of the ledger",
            known.n
        )));
    }
    let last = entries.remove(0);
    if last.hash == known.hash {
        Ok(entries)
    } else {
        Err(Error::Configuration(format!(
            "the ledger in {folder} is another database's: entry {} differs",
            known.n
        )))
    }
}

/// How far this database has carried the ledger out.
async fn position(conn: &mut SqliteConnection) -> Result<Position> {
    let row: Option<(i64, String)> = sqlx::query_as("select entry, hash from ledger_position")
        .fetch_optional(&mut *conn)
        .await?;
    Ok(row.map_or_else(Position::default, |(n, hash)| Position::after(n.unsigned_abs(), hash)))
}

/// Remembers it.
///
/// # Errors
/// If the database does not answer.
pub async fn keep_position(conn: &mut SqliteConnection, position: &Position) -> Result<()> {
    sqlx::query(
        "insert into ledger_position (id, entry, hash) values (1, ?, ?)
         on conflict (id) do update set entry = excluded.entry, hash = excluded.hash",
    )
    .bind(number(position.n))
    .bind(&position.hash)
    .execute(&mut *conn)
    .await?;
    Ok(())
}

pub(super) async fn append(ledger: &Ledger, event: Event) -> Result<Position> {
    let ledger = ledger.clone();
    blocking(move || ledger.append(event)).await
}

async fn end(ledger: &Ledger) -> Result<Position> {
    let ledger = ledger.clone();
    blocking(move || ledger.end()).await
}

/// Files are waited for beside the runtime's threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Error::Broken("reading or writing the ledger panicked"))?
}
