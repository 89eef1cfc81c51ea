//! Real damage to real files: what reads is there afterwards, what does not is named, and nothing
//! that was there is gone.

use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::*;
use crate::environment::{Crash, HookPlace, HookPoint, Hooks};
use crate::model::id::PersonId;

const COMMANDS: u64 = 120;
const PAGE: usize = 4096;

/// What a phone has that wrote so many commands to two records, ten in a transaction.
async fn written(store: &Store, commands: std::ops::RangeInclusive<u64>) {
    let commands: Vec<u64> = commands.collect();
    for ten in commands.chunks(10) {
        let record = |n: u64| if n.is_multiple_of(2) { RECORD } else { OTHER };
        let writes = ten.iter().flat_map(|n| command(WANG, record(*n), *n));
        apply(store, &writes.collect::<Vec<_>>()).await;
    }
}

async fn filled(folder: &TempDir) -> Store {
    let store = open(folder).await;
    let mut writes = vec![
        StoreWrite::PutIdentity(identity(WANG)),
        StoreWrite::PutSession(OwnSession { session: SESSION, ..own_session(WANG) }),
    ];
    for record in [RECORD, OTHER] {
        writes.push(put_record(WANG, record));
        writes.extend((1..=20).map(|n| insert_accepted(WANG, record, 1_000 + n)));
    }
    apply(&store, &writes).await;
    written(&store, 1..=COMMANDS).await;
    store
}

async fn file(folder: &TempDir) -> Vec<u8> {
    filled(folder).await.close().await;
    std::fs::read(path(folder)).expect("reads")
}

/// A store as a power cut leaves it: with its log.
async fn with_log(folder: &TempDir) -> TempDir {
    let store = filled(folder).await;
    let copy = tempfile::tempdir().expect("a temporary folder");
    for name in ["store.db", "store.db-wal", "store.db.lock"] {
        std::fs::copy(folder.path().join(name), copy.path().join(name)).expect("copies");
    }
    store.close().await;
    copy
}

async fn salvaged(folder: &TempDir) -> Salvaged {
    salvage(salvage_options(folder, 7)).await.expect("salvages").expect("was damaged")
}

/// The numbers of the pending commands, each with its content as it was.
async fn pending_there(folder: &TempDir) -> BTreeMap<u64, PendingRow> {
    let store = open(folder).await;
    let rows = store.pending(WANG, None).await.expect("every row reads");
    store.close().await;
    rows.into_iter().map(|row| (row.n, row)).collect()
}

async fn asked_for_salvage(folder: &TempDir) -> &'static str {
    let refused = Store::open(options(folder, 7)).await.map(|_| ());
    let error = refused.expect_err("does not open");
    assert!(error.asks_for_salvage(), "{error:?}");
    error.code()
}

/// Pages of a file that hold a part of a pending row's sealed content.
fn pages_of(bytes: &[u8], sealed: &[u8]) -> Vec<usize> {
    let part = &sealed[..24];
    let first = |at: &usize| bytes[*at] == part[0] && bytes[*at + 8] == part[8];
    let mut places = (0..bytes.len() - part.len()).filter(first);
    let at = places.find(|at| bytes[*at..].starts_with(part));
    at.map(|at| at / PAGE).into_iter().collect()
}

/// Where in a whole file the content of each pending row stands: numbers of pages.
async fn pages_of_rows(folder: &TempDir, whole: &[u8]) -> BTreeMap<u64, Vec<usize>> {
    let rows = sealed_rows(folder).await.into_iter();
    rows.map(|(n, sealed)| (n, pages_of(whole, &sealed))).collect()
}

async fn sealed_rows(folder: &TempDir) -> BTreeMap<u64, Vec<u8>> {
    let store = open(folder).await;
    let mut inner = store.lock().await.expect("usable");
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as("select n, sealed from pending")
        .fetch_all(&mut inner.connection)
        .await
        .expect("reads");
    drop(inner);
    store.close().await;
    rows.into_iter().map(|(n, sealed)| (n.unsigned_abs(), sealed)).collect()
}

#[tokio::test]
async fn a_header_that_was_overwritten_costs_nothing() {
    let folder = folder();
    let mut bytes = file(&folder).await;
    bytes[..100].fill(0xab);
    std::fs::write(path(&folder), &bytes).expect("writes");
    assert_eq!(asked_for_salvage(&folder).await, "header_damaged");
    let salvaged = salvaged(&folder).await;
    assert_eq!((salvaged.pending, &salvaged.lost[..]), (COMMANDS, &[][..]));
    assert_eq!(salvaged.people, [WANG].into());
    assert!(salvaged.re_enrol.is_empty(), "its last number was found");
    assert_eq!(salvaged.damaged, folder.path().join("store.db.damaged-20261125T000000Z"));
    assert_eq!(std::fs::read(&salvaged.damaged).expect("is there"), bytes, "as it was");

    let there = pending_there(&folder).await;
    for (n, row) in &there {
        assert_eq!(*row, pending(*n, row.record));
    }
    assert_eq!(there.len() as u64, COMMANDS);
    let store = open(&folder).await;
    assert_eq!(store.identities().await.expect("reads"), [identity(WANG)]);
    let state = store.sync_state(WANG).await.expect("reads");
    assert_eq!((state.highest_number, state.re_enrol), (COMMANDS, false));
    assert!(state.cursors.is_empty(), "what the server has is fetched again");
    let record = store.record(WANG, RECORD).await.expect("reads").expect("its commands have it");
    assert_eq!((record.site, record.accepted.len(), record.pending.len()), (SITE, 0, 60));
    assert_eq!(store.own_sessions(WANG).await.expect("reads").len(), 1);
    apply(&store, &command(WANG, RECORD, COMMANDS + 1)).await;
    store.close().await;
    let again = salvage(salvage_options(&folder, 7)).await.expect("looks");
    assert_eq!(again, None, "there is nothing to salvage any more");
}

#[tokio::test]
async fn a_page_in_the_middle_costs_what_stood_on_it_and_that_is_named() {
    let folder = folder();
    let whole = file(&folder).await;
    let rows = pages_of_rows(&folder, &whole).await;
    let of_page = |page: usize| -> Vec<u64> {
        let on_it = rows.iter().filter(|(_, pages)| **pages == [page]);
        on_it.map(|(n, _)| *n).collect()
    };
    let page = (0..whole.len() / PAGE).find(|page| of_page(*page).len() > 5).expect("one");
    let gone = of_page(page);
    let mut bytes = whole.clone();
    bytes[page * PAGE..(page + 1) * PAGE].fill(0xff);
    std::fs::write(path(&folder), &bytes).expect("writes");
    let salvaged = salvaged(&folder).await;
    let lost: Vec<u64> = salvaged.lost.iter().map(|lost| lost.n).collect();
    assert_eq!(lost, gone, "an index names them");
    assert!(salvaged.lost.iter().all(|lost| lost.record.is_some() && lost.owner == WANG));
    assert_eq!(salvaged.pending, COMMANDS - gone.len() as u64);
    assert_eq!(salvaged.damaged_pages, 1);
    let there = pending_there(&folder).await;
    assert!(rows.keys().all(|n| there.contains_key(n) != gone.contains(n)));
    let store = open(&folder).await;
    let lost = store.lost(WANG).await.expect("reads");
    assert!(lost.iter().all(|row| row.code == ROW_MISSING && row.found_wall_ms > 0));
    assert_eq!(lost.iter().map(|row| row.n).collect::<Vec<_>>(), gone);
    store.close().await;
}

#[tokio::test]
async fn a_file_cut_anywhere_gives_what_stands_before_the_cut() {
    let template = folder();
    let whole = file(&template).await;
    let rows = pages_of_rows(&template, &whole).await;
    let mut dice = ChaCha8Rng::seed_from_u64(1);
    let mut kept = Vec::new();
    // Every second one where commands stand, wherever the schema puts them.
    let first = rows.values().flatten().min().expect("commands") * PAGE;
    for turn in 0..12 {
        let low = if turn % 2 == 0 { 0 } else { first };
        let length = low + dice.next_u64() as usize % (whole.len() - low);
        let folder = folder();
        std::fs::write(path(&folder), &whole[..length]).expect("writes");
        let lock = template.path().join("store.db.lock");
        std::fs::copy(lock, folder.path().join("store.db.lock")).expect("copies");
        assert_eq!(asked_for_salvage(&folder).await, "truncated", "{length}");
        let salvaged = salvaged(&folder).await;
        assert_eq!(std::fs::read(&salvaged.damaged).expect("is there"), whole[..length]);
        let there = pending_there(&folder).await;
        for (n, pages) in &rows {
            let stands = pages.iter().all(|page| (page + 1) * PAGE <= length);
            assert!(there.contains_key(n) || !stands, "{length}: {n} was whole");
        }
        assert_eq!(salvaged.people, [WANG].into(), "the second copy of the key stands beside");
        kept.push(there.len());
    }
    assert!(kept.iter().any(|kept| *kept > 20) && kept.contains(&0), "{kept:?}");
}

#[tokio::test]
async fn a_log_damaged_in_its_middle_is_told_and_what_stands_behind_is_there() {
    let template = folder();
    let folder = with_log(&template).await;
    let log = folder.path().join("store.db-wal");
    let mut bytes = std::fs::read(&log).expect("reads");
    let frame = 24 + PAGE;
    let middle = 32 + (bytes.len() / frame / 2) * frame + 100;
    bytes[middle..middle + 64].fill(0x5a);
    std::fs::write(&log, &bytes).expect("writes");
    assert_eq!(asked_for_salvage(&folder).await, "log_damaged");
    assert_eq!(std::fs::read(&log).expect("reads"), bytes, "untouched");
    let salvaged = salvaged(&folder).await;
    let aside = format!("{}-wal", salvaged.damaged.display());
    assert_eq!(std::fs::read(aside).expect("is there"), bytes, "the log stands beside too");
    let there = pending_there(&folder).await;
    assert_eq!(there.len() as u64, COMMANDS, "each row stands in later frames too");
}

#[tokio::test]
async fn a_log_cut_short_gives_every_command_before_the_cut() {
    let template = folder();
    let whole = with_log(&template).await;
    let log = std::fs::read(whole.path().join("store.db-wal")).expect("reads");
    let mut dice = ChaCha8Rng::seed_from_u64(2);
    let mut counts = Vec::new();
    for _ in 0..6 {
        let length = dice.next_u64() as usize % log.len();
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["store.db", "store.db.lock"] {
            std::fs::copy(whole.path().join(name), folder.path().join(name)).expect("copies");
        }
        std::fs::write(folder.path().join("store.db-wal"), &log[..length]).expect("writes");
        // As a power cut in the middle of a write: SQLite's own matter, unless the file is cut too.
        let by_sqlite = match Store::open(options(&folder, 7)).await {
            Ok(store) => store.pending_summary(WANG).await.map_or(0, |rows| rows.len()),
            Err(error) => {
                assert!(error.asks_for_salvage(), "{error:?}");
                0
            }
        };
        let folder_of_cut = tempfile::tempdir().expect("a temporary folder");
        let lock = whole.path().join("store.db.lock");
        std::fs::copy(lock, folder_of_cut.path().join("store.db.lock")).expect("copies");
        std::fs::write(folder_of_cut.path().join("store.db"), b"gone").expect("writes");
        let cut = folder_of_cut.path().join("store.db-wal");
        std::fs::write(cut, &log[..length]).expect("writes");
        let salvaged = salvaged(&folder_of_cut).await;
        assert!(salvaged.pending as usize >= by_sqlite, "{length}: the log alone has as much");
        counts.push(by_sqlite);
    }
    assert!(counts.iter().any(|count| *count > 10), "{counts:?}");
}

#[tokio::test]
async fn what_must_not_be_salvaged_is_left_alone() {
    let folder = folder();
    let mut bytes = file(&folder).await;
    let sound = salvage(salvage_options(&folder, 7)).await.expect("looks");
    assert_eq!(sound, None);
    bytes[..100].fill(0xab);
    std::fs::write(path(&folder), &bytes).expect("writes");
    let none = salvage(SalvageOptions { key: None, ..salvage_options(&folder, 7) }).await;
    assert!(matches!(none, Err(StoreError::KeyUnavailable)), "{none:?}");
    let wrong = salvage(salvage_options(&folder, 8)).await;
    assert!(matches!(wrong, Err(StoreError::WrongKey)), "{wrong:?}");
    let names = |folder: &TempDir| {
        let entries = std::fs::read_dir(folder.path()).expect("reads");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("one").file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&folder), ["store.db", "store.db.lock"]);
    assert_eq!(std::fs::read(path(&folder)).expect("reads"), bytes);

    let newer = tempfile::tempdir().expect("a temporary folder");
    let store = open(&newer).await;
    sql(&store, "pragma user_version = 99").await;
    store.close().await;
    let refused = salvage(salvage_options(&newer, 7)).await;
    assert!(matches!(refused, Err(StoreError::Newer { version: 99 })), "{refused:?}");
    let other = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(path(&other), b"%PDF-1.7 not a database").expect("writes");
    let refused = salvage(salvage_options(&other, 7)).await;
    assert!(matches!(refused, Err(StoreError::NotAStore)), "{refused:?}");
}

/// Stops at the k-th hook of a salvage.
struct StopAt(AtomicU64, u64);

#[async_trait::async_trait]
impl Hooks for StopAt {
    async fn at(&self, point: HookPoint) -> Result<(), Crash> {
        let counts = point.operation.starts_with("salvage") && point.place != HookPlace::Before;
        if counts && self.0.fetch_add(1, Ordering::Relaxed) + 1 == self.1 {
            return Err(Crash);
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_salvage_that_is_interrupted_anywhere_is_ended_by_the_next() {
    let template = folder();
    let whole = file(&template).await;
    let mut interrupted = 0;
    // The rows' statements, then the steps with files; most of the first are alike.
    for stop in (1..=5).chain(120..) {
        let folder = folder();
        let mut bytes = whole.clone();
        bytes[..100].fill(0xab);
        std::fs::write(path(&folder), &bytes).expect("writes");
        let lock = template.path().join("store.db.lock");
        std::fs::copy(lock, folder.path().join("store.db.lock")).expect("copies");
        let hooks = Arc::new(StopAt(AtomicU64::new(0), stop));
        let outcome = salvage(SalvageOptions { hooks, ..salvage_options(&folder, 7) }).await;
        let done = outcome.is_ok();
        if let Err(error) = outcome {
            assert!(matches!(error, StoreError::Stopped(_)), "{error:?}");
            interrupted += 1;
        }
        // Either it was not far enough, or whoever opens it ends it.
        if let Err(error) = Store::open(options(&folder, 7)).await {
            assert_eq!(error.code(), "header_damaged");
            salvaged(&folder).await;
        }
        assert_eq!(pending_there(&folder).await.len() as u64, COMMANDS, "stopped at {stop}");
        let aside = folder.path().join("store.db.damaged-20261125T000000Z");
        assert_eq!(std::fs::read(aside).expect("is there"), bytes, "stopped at {stop}");
        if done {
            break;
        }
    }
    assert!(interrupted > 8, "{interrupted}");
}

#[tokio::test]
async fn a_key_whose_row_is_damaged_comes_back_and_one_that_was_given_up_does_not() {
    let folder = folder();
    let store = filled(&folder).await;
    sql(&store, "update identity set sealed = zeroblob(60), device = 77").await;
    store.close().await;
    let store = open(&folder).await;
    assert_eq!(store.identities().await.expect("reads"), [identity(WANG)]);
    store.rotate(StoreKey::new([8; 32])).await.expect("rotates");
    sql(&store, "update identity set sealed = zeroblob(60)").await;
    store.close().await;
    let store = Store::open(options(&folder, 8)).await.expect("opens");
    assert_eq!(store.identities().await.expect("reads"), [identity(WANG)], "under the new key");
    apply(&store, &[StoreWrite::ForgetOwner(WANG)]).await;
    let lock = std::fs::read(folder.path().join("store.db.lock")).expect("reads");
    assert!(lock.len() < 32, "no key of somebody who left stays");
    store.close().await;
    let store = Store::open(options(&folder, 8)).await.expect("opens");
    assert_eq!(store.identities().await.expect("reads"), []);
    store.close().await;
}

/// Overwrites, zeroes or cuts somewhere.
fn harm(path: &Path, dice: &mut ChaCha8Rng) {
    let Ok(mut bytes) = std::fs::read(path) else { return };
    if bytes.is_empty() {
        return;
    }
    let at = dice.next_u64() as usize % bytes.len();
    let length = (16 + dice.next_u64() as usize % 9_000).min(bytes.len() - at);
    match dice.next_u64() % 4 {
        0 => bytes.truncate(at),
        1 => bytes[at..at + length].fill(0),
        2 => dice.fill_bytes(&mut bytes[at..at + length]),
        _ => bytes[at] ^= 1 << (dice.next_u64() % 8),
    }
    std::fs::write(path, bytes).expect("writes");
}

/// Every file of a folder that is no lock: by content.
fn contents(folder: &TempDir) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder.path()).expect("reads");
    let paths = entries.map(|entry| entry.expect("one").path());
    let kept = paths.filter(|path| path.extension().is_none_or(|end| end != "lock"));
    kept.map(|path| std::fs::read(path).expect("reads")).collect()
}

#[tokio::test]
async fn whatever_is_damaged_nothing_is_deleted_and_what_stands_is_kept() {
    let (plain, log) = (folder(), folder());
    let whole = file(&plain).await;
    let rows = pages_of_rows(&plain, &whole).await;
    let with_log = with_log(&log).await;
    let mut salvages = 0;
    for seed in 0..40 {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let folder = folder();
        let from = if seed.is_multiple_of(2) { &plain } else { &with_log };
        for name in ["store.db", "store.db-wal", "store.db.lock"] {
            let _ = std::fs::copy(from.path().join(name), folder.path().join(name));
        }
        for _ in 0..1 + dice.next_u64() % 3 {
            let log = folder.path().join("store.db-wal");
            let on_log = log.exists() && dice.next_u64().is_multiple_of(2);
            harm(&if on_log { log } else { path(&folder) }, &mut dice);
        }
        let before = contents(&folder);
        let damaged = std::fs::read(path(&folder)).unwrap_or_default();
        match salvage(salvage_options(&folder, 7)).await {
            Ok(Some(_)) => salvages += 1,
            Ok(None) => {}
            // A bit of the version is a bit of another version.
            Err(StoreError::Newer { .. }) => continue,
            Err(error) => panic!("seed {seed}: {error:?}"),
        }
        let after = contents(&folder);
        assert!(before.iter().all(|file| after.contains(file)), "seed {seed}: something is gone");
        let store = open(&folder).await;
        let (there, _) = store.pending_apart(WANG).await.expect("reads");
        let there: Vec<u64> = there.iter().map(|row| row.n).collect();
        store.close().await;
        if seed.is_multiple_of(2) {
            let stands = |page: &usize| {
                let place = page * PAGE..(page + 1) * PAGE;
                damaged.get(place.clone()) == whole.get(place)
            };
            for (n, pages) in &rows {
                let whole = pages.iter().all(stands);
                assert!(!whole || there.contains(n), "seed {seed}: {n} stood untouched");
            }
        }
        let again = salvage(salvage_options(&folder, 7)).await.expect("looks");
        assert_eq!(again, None, "seed {seed}");
    }
    assert!(salvages > 20, "{salvages}");
}

#[tokio::test]
async fn the_same_damaged_file_gives_the_same_store_twice() {
    let folder = folder();
    let mut bytes = file(&folder).await;
    bytes[..PAGE].fill(0);
    std::fs::write(path(&folder), &bytes).expect("writes");
    let first = salvaged(&folder).await;
    let there = pending_there(&folder).await;
    std::fs::copy(&first.damaged, path(&folder)).expect("somebody puts it back");
    let second = salvaged(&folder).await;
    assert_ne!(first.damaged, second.damaged, "both files are kept");
    assert_eq!(first.people, [PersonId(31)].into());
    assert_eq!(Salvaged { damaged: first.damaged.clone(), ..second }, first);
    assert_eq!(pending_there(&folder).await, there);
}

#[tokio::test]
async fn the_second_copy_of_a_key_knows_where_the_account_begins() {
    let folder = folder();
    let store = filled(&folder).await;
    let enrolled = Identity { account_from: 40, ..identity(WANG) };
    apply(&store, &[StoreWrite::PutIdentity(enrolled.clone())]).await;
    sql(&store, "update identity set sealed = x'00', account_from = 0").await;
    store.close().await;
    let store = open(&folder).await;
    assert_eq!(
        store.identities().await.expect("reads"),
        std::slice::from_ref(&enrolled),
        "put right"
    );
    sql(&store, "delete from identity").await;
    store.close().await;
    let mut bytes = std::fs::read(path(&folder)).expect("reads");
    bytes[..100].fill(0xab);
    std::fs::write(path(&folder), &bytes).expect("writes");
    salvaged(&folder).await;
    let store = open(&folder).await;
    assert_eq!(store.identities().await.expect("reads"), [enrolled], "salvaged");
    store.close().await;
}
