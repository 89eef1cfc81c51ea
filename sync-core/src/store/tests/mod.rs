//! Behaviour of the store, on real files in a temporary folder.

mod crash;
mod damage;
mod full;
mod older;
mod opening;
mod salvage;
mod script;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use super::*;
use crate::environment::{NoHooks, Randomness};
use crate::model::fact::StoredFact;
use crate::model::id::{ChangeHash, DeviceId, FactKey, PersonId, RecordId, SessionId, SiteId};
use crate::model::time::{BootId, Seen};

/// Counts upwards, so that every nonce differs and every run is the same.
#[derive(Default)]
struct Counting(AtomicU64);

impl Randomness for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes();
            chunk.copy_from_slice(&next[..chunk.len()]);
        }
    }
}

const WANG: PersonId = PersonId(31);
const LI: PersonId = PersonId(32);
const SITE: SiteId = SiteId(7);
const RECORD: RecordId = RecordId([1; 16]);
const OTHER: RecordId = RecordId([2; 16]);
const SESSION: SessionId = SessionId([3; 8]);
const BOOT: BootId = BootId([4; 16]);

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("store.db")
}

fn options(folder: &TempDir, key: u8) -> OpenOptions {
    OpenOptions {
        path: path(folder),
        key: Some(StoreKey::new([key; 32])),
        hooks: Arc::new(NoHooks),
        randomness: Arc::new(Counting::default()),
    }
}

fn salvage_options(folder: &TempDir, key: u8) -> SalvageOptions {
    SalvageOptions {
        path: path(folder),
        key: Some(StoreKey::new([key; 32])),
        hooks: Arc::new(NoHooks),
        randomness: Arc::new(Counting::default()),
        // 2026-11-25T00:00:00Z
        wall_ms: 1_795_564_800_000,
    }
}

async fn open(folder: &TempDir) -> Store {
    Store::open(options(folder, 7)).await.expect("opens")
}

/// A transaction that is not looked at from inside.
async fn apply(store: &Store, writes: &[StoreWrite]) {
    store.apply("test", writes).await.expect("applies");
}

/// Runs SQL behind the store's back.
async fn sql(store: &Store, text: &'static str) {
    let mut inner = store.lock().await.expect("usable");
    sqlx::raw_sql(text).execute(&mut inner.connection).await.expect("runs");
}

fn fact(n: u64, text: &str) -> StoredFact {
    StoredFact {
        key: FactKey::Written { session: SESSION, n, i: 0 },
        json: format!("{{\"t\":\"note\",\"text\":\"{text}\"}}"),
    }
}

fn hash(n: u64) -> ChangeHash {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    ChangeHash(bytes)
}

fn change(n: u64) -> StoredChange {
    header(n).with_facts(vec![fact(n, "厨房水管漏水")])
}

fn header(n: u64) -> ChangeHeader {
    let deps = if n > 1 { vec![hash(n - 1)] } else { Vec::new() };
    ChangeHeader { actor: SESSION, seq: n, start_op: n + 2, deps, hash: hash(n) }
}

fn pending(n: u64, record: RecordId) -> PendingRow {
    PendingRow {
        n,
        record,
        facts: vec![fact(n, "shut the valve")],
        saved_wall_ms: 1_000 + n as i64,
        state: PendingState::Unsent,
        code: None,
        params: BTreeMap::new(),
        change: header(n),
    }
}

fn put_record(owner: PersonId, record: RecordId) -> StoreWrite {
    let attestation = Some([5; 16]);
    StoreWrite::PutRecord { owner, record, site: SITE, present: true, attestation, parked: None }
}

fn insert_accepted(owner: PersonId, record: RecordId, n: u64) -> StoreWrite {
    StoreWrite::InsertAccepted { owner, record, change: change(n) }
}

fn put_list(owner: PersonId, record: RecordId, json: &str) -> StoreWrite {
    StoreWrite::PutList { owner, record, json: json.to_owned() }
}

fn own_session(person: PersonId) -> OwnSession {
    OwnSession {
        session: SessionId([person.0 as u8; 8]),
        person,
        device: DeviceId(9),
        boot: BOOT,
        opened_wall_ms: 10,
        opened_monotonic_ms: 20,
        registered: false,
    }
}

/// What a replica writes for one command in a session that is there already.
fn command(owner: PersonId, record: RecordId, n: u64) -> Vec<StoreWrite> {
    vec![
        StoreWrite::PutPending { owner, row: pending(n, record) },
        put_list(owner, record, &format!("{{\"commands\":{n}}}")),
        StoreWrite::PutHighestNumber { owner, n },
    ]
}

fn identity(person: PersonId) -> Identity {
    Identity {
        person,
        device: DeviceId(9),
        person_name: "王师傅".to_owned(),
        signing_key: [6; 32].into(),
        certificate_json: "{}".to_owned(),
        installation_key: [8; 32],
        enrolled_wall_ms: 99,
        first_number: 1,
        account_from: 0,
    }
}

fn seen(sequence: u64) -> Seen {
    Seen { epoch: 1, sequence }
}
