//! Reads a phone's store row by row, behind the back of the replica: where every number is, and
//! whether everything that belongs together is together.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::document::{Change, ChangeHead, Document};
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{RecordId, SessionId};
use sync_core::store::{PendingState, RecordRow, Store, StoredChange};

use super::site::WANG;

/// What a store holds of its owner's commands.
#[derive(Debug)]
pub struct Held {
    /// The highest number.
    pub highest: u64,
    /// Every command by its number.
    pub commands: BTreeMap<u64, Command>,
}

/// A command as the store holds it.
#[derive(Debug)]
pub struct Command {
    /// The record it writes to.
    pub record: RecordId,
    /// Its facts.
    pub facts: Vec<StoredFact>,
    /// In which table.
    pub place: &'static str,
}

/// Reads everything.
///
/// # Panics
/// If a row is damaged, a number is missing or twice, or something of a command is missing.
pub async fn inspect(store: &Store) -> Held {
    assert_eq!(store.damaged().await.expect("reads"), [], "every row opens under its key");
    let own = store.own_sessions(WANG).await.expect("reads");
    let own: BTreeSet<SessionId> = own.iter().map(|session| session.session).collect();
    let mut commands = BTreeMap::new();
    let mut put = |n: u64, command: Command| {
        let place = command.place;
        let other = commands.insert(n, command);
        assert!(other.is_none(), "{n} is {place}, and {other:?}");
    };
    let mut records = BTreeSet::new();
    for record in store.records(WANG).await.expect("reads") {
        let row = store.record(WANG, record).await.expect("reads").expect("is there");
        check_chain(&row);
        for pending in &row.pending {
            assert!(own.contains(&pending.change.actor), "the session of {} is there", pending.n);
            let facts = pending.facts.clone();
            put(pending.n, Command { record, facts, place: "pending" });
        }
        for (n, facts) in own_commands(&row, &own) {
            put(n, Command { record, facts, place: "accepted" });
        }
        records.insert(record);
    }
    for row in store.refused(WANG).await.expect("reads") {
        put(row.n, Command { record: row.record, facts: row.facts, place: "refused" });
    }
    let list = store.list(WANG).await.expect("reads");
    let listed: BTreeSet<RecordId> = list.iter().map(|row| row.record).collect();
    assert_eq!(listed, records, "a record has its list row, a list row its record");
    let highest = store.sync_state(WANG).await.expect("reads").highest_number;
    let numbers: Vec<u64> = commands.keys().copied().collect();
    assert_eq!(numbers, Vec::from_iter(1..=highest), "every number is somewhere, once");
    assert!(commands.values().all(|command| !command.facts.is_empty()));
    Held { highest, commands }
}

/// The facts of the owner's commands in the accepted document.
fn own_commands(row: &RecordRow, own: &BTreeSet<SessionId>) -> BTreeMap<u64, Vec<StoredFact>> {
    let mut commands: BTreeMap<u64, Vec<StoredFact>> = BTreeMap::new();
    for fact in row.accepted.iter().flat_map(|change| &change.facts) {
        let is_own = fact.key.session().is_some_and(|session| own.contains(&session));
        if let Some(n) = fact.key.number().filter(|_| is_own) {
            commands.entry(n).or_default().push(fact.clone());
        }
    }
    commands
}

/// The accepted changes are a document of Automerge's, and the pending ones stand on top of it,
/// each with the hash of what it says.
fn check_chain(row: &RecordRow) {
    let accepted: Vec<Change> = row.accepted.iter().map(change).collect();
    let mut document = Document::from_changes(row.record, &accepted).expect("rebuilds");
    for pending in &row.pending {
        if pending.state == PendingState::Accepted {
            continue;
        }
        let stored = pending.change.clone().with_facts(pending.facts.clone());
        document = document.with_change(&change(&stored)).expect("stands on the one before");
        assert_eq!(document.heads(), [stored.hash], "one chain");
    }
}

/// The change with these contents; its hash is the stored one.
fn change(stored: &StoredChange) -> Change {
    let StoredChange { actor, seq, start_op, deps, hash, facts } = stored.clone();
    let change = Change::build(ChangeHead { actor, seq, start_op, deps }, facts);
    let change = change.expect("within the limits");
    assert_eq!(change.hash, hash);
    change
}
