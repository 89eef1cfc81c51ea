//! A disk that is really full, at one byte of a command's transaction after another: the answer is
//! a code, the old value is there, nothing is half there, and the next write works once there is
//! room. On a small file system in memory where one may be mounted, and everywhere under a limit of
//! the size of files.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use sync_core::environment::NoHooks;
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{ChangeHash, DeviceId, FactKey, PersonId, RecordId, SessionId, SiteId};
use sync_core::model::time::BootId;
use sync_core::store::{
    ChangeHeader, OpenOptions, OwnSession, PendingRow, PendingState, Store, StoreError, StoreKey,
    StoreWrite,
};

use super::child;
use super::environment::Dice;
use super::kill::runtime;

const OWNER: PersonId = PersonId(31);
const RECORD: RecordId = RecordId([1; 16]);
const BLOCK: u64 = 4096;
/// Where the file system in memory is.
const PLACE: &str = "FIELDBOOK_COUNTS_PLACE";

async fn open(folder: &Path, seed: u64) -> Store {
    let options = OpenOptions {
        path: folder.join("store.db"),
        key: Some(StoreKey::new([7; 32])),
        hooks: Arc::new(NoHooks),
        randomness: Arc::new(Dice::new(seed, 20)),
    };
    Store::open(options).await.expect("opens")
}

/// What a phone writes for command `n`, large enough for many pages.
fn command(n: u64) -> Vec<StoreWrite> {
    let text = "满".repeat(12_000);
    let session = SessionId([u8::try_from(n).expect("small"); 8]);
    let key = FactKey::Written { session, n, i: 0 };
    let header = ChangeHeader {
        actor: session,
        seq: 1,
        start_op: 3,
        deps: Vec::new(),
        hash: ChangeHash([9; 32]),
    };
    let row = PendingRow {
        n,
        record: RECORD,
        facts: vec![StoredFact { key, json: format!("{{\"text\":\"{text}\"}}") }],
        saved_wall_ms: 1,
        state: PendingState::Unsent,
        code: None,
        params: BTreeMap::new(),
        change: header,
    };
    let own = OwnSession {
        session,
        person: OWNER,
        device: DeviceId(9),
        boot: BootId([4; 16]),
        opened_wall_ms: 1,
        opened_monotonic_ms: 1,
        registered: false,
    };
    vec![
        StoreWrite::PutSession(own),
        StoreWrite::PutRecord {
            owner: OWNER,
            record: RECORD,
            site: SiteId(7),
            present: true,
            attestation: None,
            parked: None,
        },
        StoreWrite::PutPending { owner: OWNER, row },
        StoreWrite::PutList { owner: OWNER, record: RECORD, json: text },
        StoreWrite::PutHighestNumber { owner: OWNER, n },
    ]
}

/// The numbers, if everything that a command writes is there for exactly these.
async fn whole(store: &Store) -> Vec<u64> {
    let rows = store.pending(OWNER, None).await.expect("reads");
    let numbers: Vec<u64> = rows.iter().map(|row| row.n).collect();
    let state = store.sync_state(OWNER).await.expect("reads");
    assert_eq!(Some(&state.highest_number), numbers.last());
    assert_eq!(store.own_sessions(OWNER).await.expect("reads").len(), numbers.len());
    assert_eq!(store.list(OWNER).await.expect("reads").len(), 1);
    numbers
}

/// A store with one command.
async fn template(folder: &Path) {
    fs::create_dir_all(folder).expect("makes");
    let store = open(folder, 1).await;
    store.apply("command", &command(1)).await.expect("there is room");
    store.close().await;
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("makes");
    for entry in fs::read_dir(from).expect("reads") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copies");
    }
}

/// Fills the file system but for so many blocks.
fn fill(ballast: &Path, room: u64) {
    let mut file = File::create(ballast).expect("makes");
    let mut blocks = 0_u64;
    while file.write_all(&[1; BLOCK as usize]).is_ok() {
        blocks += 1;
    }
    file.set_len(blocks.saturating_sub(room) * BLOCK).expect("cuts");
}

/// In the file system in memory: a command with room for no block, for one, and so on.
#[test]
fn child_in_memory() {
    let (Some(_), Some(place)) = (child::order(), std::env::var_os(PLACE)) else { return };
    let place = Path::new(&place).to_owned();
    runtime().block_on(async {
        let first = place.join("template");
        template(&first).await;
        for room in 0.. {
            let folder = place.join(format!("room-{room}"));
            copy(&first, &folder);
            let store = open(&folder, 100 + room).await;
            let ballast = place.join("ballast");
            fill(&ballast, room);
            let outcome = store.apply("command", &command(2)).await;
            let code = outcome.as_ref().map_or_else(StoreError::code, |()| "fits");
            let expected: &[u64] = if outcome.is_ok() { &[1, 2] } else { &[1] };
            assert_eq!(whole(&store).await, expected, "room for {room} blocks: {code}");
            fs::remove_file(&ballast).expect("removes");
            if outcome.is_err() {
                store.apply("command", &command(2)).await.expect("there is room again");
            }
            store.close().await;
            let store = open(&folder, 500 + room).await;
            assert_eq!(whole(&store).await, [1, 2], "room for {room} blocks");
            store.close().await;
            fs::remove_dir_all(&folder).expect("removes");
            child::tell(code);
            if outcome.is_ok() {
                break;
            }
        }
    });
}

#[test]
fn a_full_disk_is_an_answer_at_every_block_of_a_command() {
    let place = tempfile::tempdir().expect("a folder");
    let script = format!("mount -t tmpfs -o size=8m none \"${PLACE}\" && exec \"$@\"");
    let wrapper =
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script.as_str(), "sh"];
    let mut command = child::wrapped(&wrapper, "full::child_in_memory", "memory");
    let Ok(output) = command.env(PLACE, place.path()).output() else {
        child::tell("no program makes a place of its own here");
        return;
    };
    let told = child::told(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    if told.is_empty() && (errors.contains("unshare") || errors.contains("mount")) {
        child::tell("nothing may be mounted here");
        return;
    }
    assert!(output.status.success(), "{errors}");
    let (last, full) = told.split_last().expect("told");
    assert_eq!(last, "fits");
    assert!(full.len() > 20, "{told:?}");
    assert!(full.iter().all(|code| code == "disk_full"), "{told:?}");
    child::tell(&format!("a disk was full at {} blocks of a command", full.len()));
}

/// Under a limit of the size of files: one command.
#[test]
fn child_under_a_limit() {
    let Some(order) = child::order() else { return };
    let Some(folder) = order.strip_prefix("limit ") else { return };
    runtime().block_on(async {
        let store = open(Path::new(folder), 2).await;
        let outcome = store.apply("command", &command(2)).await;
        let expected: &[u64] = if outcome.is_ok() { &[1, 2] } else { &[1] };
        assert_eq!(whole(&store).await, expected);
        child::tell(outcome.as_ref().map_or_else(StoreError::code, |()| "fits"));
        store.close().await;
    });
}

#[test]
fn a_file_that_may_not_grow_is_an_answer_at_every_place_of_the_log() {
    let runtime = runtime();
    let first = tempfile::tempdir().expect("a folder");
    runtime.block_on(template(first.path()));
    let mut codes: BTreeMap<String, u32> = BTreeMap::new();
    // In units of 512 bytes; SQLite's own shared memory needs 64 of them.
    for limit in (70..).step_by(11) {
        let folder = tempfile::tempdir().expect("a folder");
        copy(first.path(), folder.path());
        let script = format!("trap '' XFSZ; ulimit -f {limit} && exec \"$@\"");
        let wrapper = ["sh", "-c", script.as_str(), "sh"];
        let order = format!("limit {}", folder.path().to_str().expect("text"));
        let output = child::wrapped(&wrapper, "full::child_under_a_limit", &order).output();
        let output = output.expect("starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{limit}: {errors}");
        let told = child::told(&output.stdout);
        let [code] = &told[..] else { panic!("{limit}: {told:?}") };
        *codes.entry(code.clone()).or_default() += 1;
        runtime.block_on(async {
            let store = open(folder.path(), 3).await;
            let expected: &[u64] = if code == "fits" { &[1, 2] } else { &[1] };
            assert_eq!(whole(&store).await, expected, "{limit}: {code}");
            store.apply("command", &command(3)).await.expect("there is room again");
            store.close().await;
        });
        if code == "fits" {
            break;
        }
    }
    assert!(codes.keys().all(|code| ["fits", "disk_full", "database"].contains(&code.as_str())));
    assert!(codes.values().sum::<u32>() > 8, "{codes:?}");
}
