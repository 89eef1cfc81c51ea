//! How many statements a sync costs: counted in a child, alone in its process, since it listens to
//! every statement.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fieldbook_server::db::Database;
use fieldbook_server::sync::{Bearer, Sync, SyncOptions};
use sync_core::environment::{Clock, NoHooks, SystemRandomness};
use sync_core::model::id::{DeviceId, PersonId};
use sync_core::model::time::{BootId, MonotonicMs, WallMs};
use sync_core::protocol::VERSION;
use sync_core::protocol::message::{ClockReading, PhoneState, SyncRequest};
use tracing::Subscriber;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::child;

static STATEMENTS: AtomicU64 = AtomicU64::new(0);

struct Counting;

impl<S: Subscriber> Layer<S> for Counting {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            STATEMENTS.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Still;

impl Clock for Still {
    fn wall_ms(&self) -> WallMs {
        1_790_000_000_000
    }

    fn monotonic_ms(&self) -> MonotonicMs {
        1
    }

    fn boot_id(&self) -> BootId {
        BootId([0; 16])
    }
}

#[test]
fn with_nothing_new_a_sync_costs_two_statements() {
    let output = child::command("idle::child", "count").output().expect("starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(child::told(&output.stdout), ["2"]);
}

/// Counts; does nothing in the process of the tests themselves.
#[tokio::test]
async fn child() {
    if child::order().is_none() {
        return;
    }
    let subscriber = tracing_subscriber::registry().with(Counting);
    tracing::subscriber::set_global_default(subscriber).expect("the first in this process");
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::open(&folder.path().join("test.db")).await.expect("opens");
    let mut transaction = database.begin_write().await.expect("begins");
    for sql in [
        "insert into installation (id, epoch, reference_version, created_ms) values (1, 1, 1, 0)",
        "insert into site (site, name, sequence) values (7, 'Garden', 4480)",
        "insert into person (person, name) values (12, 'Chen')",
        "insert into role_grant (person, role, site, from_ms, granted_epoch, granted_sequence)
         values (12, 'front_desk', 7, 0, 1, 0)",
        "insert into device (device, person, name, enrolled_ms) values (1, 12, 'test', 0)",
    ] {
        sqlx::query(sql).execute(&mut *transaction).await.expect("inserts");
    }
    transaction.commit().await.expect("commits");
    let options = SyncOptions::new(
        database,
        Arc::new(Still),
        Arc::new(SystemRandomness),
        Arc::new(NoHooks),
        [7; 32],
    );
    let sync = Sync::start(options);
    let who = Bearer { person: PersonId(12), device: DeviceId(1) };
    let mut request = SyncRequest {
        version: VERSION,
        device: who.device,
        clock: ClockReading { boot: BootId([1; 16]), monotonic_ms: 5, wall_ms: 6 },
        cursors: Vec::new(),
        receipts_after: 0,
        reference_version: 1,
        sessions: Vec::new(),
        state: PhoneState::default(),
        packs: Vec::new(),
        repairs: Vec::new(),
        answers: None,
    };
    let first = sync.handle(who, request.clone()).await.expect("an answer");
    request.cursors = first.cursors;
    // Tells what the first answer brought, which is kept.
    sync.handle(who, request.clone()).await.expect("an answer");
    STATEMENTS.store(0, Ordering::Relaxed);
    sync.handle(who, request).await.expect("an answer");
    child::tell(&STATEMENTS.load(Ordering::Relaxed).to_string());
    sync.stop().await;
}
