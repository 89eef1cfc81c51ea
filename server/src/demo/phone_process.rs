//! A technician's phone as a process of its own: a real replica over real HTTP on a scripted
//! clock. Reads one JSON request a line, answers one JSON line each.

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sync_core::environment::{
    Clock, Crash, HookPlace, HookPoint, Hooks, Randomness, SystemClock, SystemRandomness,
};
use sync_core::model::id::{FactKey, RecordId};
use sync_core::model::time::BootId;
use sync_core::replica::http::HttpTransport;
use sync_core::replica::{Replica, ReplicaOptions};
use sync_core::rules::Command;
use sync_core::store::StoreKey;
use sync_core::texts::Language;

use super::script::SeededRandomness;
use crate::{Error, Result};

/// How the demo starts a phone process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PhoneSetup {
    /// The store file.
    pub store: PathBuf,
    /// The server's address.
    pub server_url: String,
    /// Seed of its randomness: its keys are for show.
    pub seed: u64,
    /// Scripted time at the start, milliseconds.
    pub now_ms: i64,
    /// How wrong its wall clock is.
    pub wall_offset_ms: i64,
    /// The boot the process runs in.
    pub boot: u8,
    /// When that began, scripted time: two processes of one boot count from the same moment.
    pub booted_ms: i64,
}

/// What a phone process can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(super) enum Request {
    /// Enrols with a one-time code.
    Enrol { code: String, device_name: String },
    /// Sets the scripted time.
    Now { now_ms: i64 },
    /// Performs a command.
    Perform { command: Command, record: Option<RecordId> },
    /// Writes a fact as if the phone's rules were patched out.
    WriteUnjudged { record: RecordId, payload: Value },
    /// What the customer is shown.
    Statement { record: RecordId, visit: FactKey, language: Language },
    /// Syncs until neither side has more.
    Sync,
    /// The list.
    List,
    /// One record, reviewed.
    Review { record: RecordId },
    /// Where the commands are.
    Account,
    /// The refused list.
    Refused,
    /// Dies at the next command, after so many statements of its transaction.
    DieInside { statements: u32 },
    /// Ends.
    Stop,
}

/// A clock that shows what the script says.
pub(super) struct ScriptedClock {
    now_ms: AtomicI64,
    wall_offset_ms: i64,
    boot: u8,
    booted_ms: i64,
    /// From when it runs on by itself, by the system's clock that never stops.
    runs_on: OnceLock<(SystemClock, i64)>,
}

impl ScriptedClock {
    /// A clock at `now_ms`, in a boot that began at `booted_ms`.
    pub(super) fn new(now_ms: i64, wall_offset_ms: i64, (boot, booted_ms): (u8, i64)) -> Self {
        Self {
            now_ms: AtomicI64::new(now_ms),
            wall_offset_ms,
            boot,
            booted_ms,
            runs_on: OnceLock::new(),
        }
    }

    /// The script is over: time goes on by itself.
    pub(super) fn run_on(&self) {
        let system = SystemClock::new(&SystemRandomness);
        let began_ms = system.monotonic_ms();
        // A second call finds it running.
        let _running = self.runs_on.set((system, began_ms)).is_ok();
    }

    fn now_ms(&self) -> i64 {
        let since = self.runs_on.get().map_or(0, |(clock, began)| clock.monotonic_ms() - began);
        self.now_ms.load(Ordering::SeqCst) + since
    }

    /// Moves to `now_ms`.
    pub(super) fn set(&self, now_ms: i64) {
        self.now_ms.store(now_ms, Ordering::SeqCst);
    }
}

impl Clock for ScriptedClock {
    fn wall_ms(&self) -> i64 {
        self.now_ms() + self.wall_offset_ms
    }

    fn monotonic_ms(&self) -> i64 {
        self.now_ms() - self.booted_ms
    }

    fn boot_id(&self) -> BootId {
        BootId([self.boot; 16])
    }
}

/// Ends the process inside a transaction, as a power cut would.
#[derive(Default)]
struct DeadlyHooks {
    /// 0: not armed; k + 1: die after k statements of the next command.
    armed: AtomicU32,
}

#[async_trait]
impl Hooks for DeadlyHooks {
    async fn at(&self, point: HookPoint) -> std::result::Result<(), Crash> {
        let armed = self.armed.load(Ordering::SeqCst);
        if armed > 0 && point.operation == "command" && point.place == HookPlace::Inside(armed - 1)
        {
            std::process::abort();
        }
        Ok(())
    }
}

/// Runs a phone process until its input ends. Reading blocks this thread: there is nothing to do
/// between two requests.
pub(super) async fn run(
    setup: PhoneSetup,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<()> {
    let boot = (setup.boot, setup.booted_ms);
    let clock = Arc::new(ScriptedClock::new(setup.now_ms, setup.wall_offset_ms, boot));
    let hooks = Arc::new(DeadlyHooks::default());
    let randomness: Arc<dyn Randomness> = Arc::new(SeededRandomness::new(setup.seed));
    let replica = Replica::open(ReplicaOptions {
        path: setup.store,
        key: StoreKey::new([7; 32]),
        server_url: setup.server_url,
        app_version: env!("CARGO_PKG_VERSION").to_owned(),
        clock: clock.clone(),
        randomness,
        hooks: hooks.clone(),
        transport: Arc::new(HttpTransport::new()?),
    })
    .await?;
    let mut line = String::new();
    while input.read_line(&mut line)? > 0 {
        let request = serde_json::from_str(&line)
            .map_err(|error| Error::Configuration(format!("phone request: {error}")))?;
        if matches!(request, Request::Stop) {
            break;
        }
        let answer = match answer(&replica, &clock, &hooks, request).await {
            Ok(value) => json!({ "ok": value }),
            Err(error) => json!({ "error": error.to_string() }),
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
        line.clear();
    }
    replica.close().await;
    Ok(())
}

async fn answer(
    replica: &Replica,
    clock: &ScriptedClock,
    hooks: &DeadlyHooks,
    request: Request,
) -> sync_core::Result<Value> {
    let value = |value: serde_json::Result<Value>| {
        value.map_err(|error| sync_core::Error::Malformed {
            what: "answer",
            detail: error.to_string(),
        })
    };
    match request {
        Request::Enrol { code, device_name } => {
            Ok(json!(replica.enrol(&code, &device_name, None).await?))
        }
        Request::Now { now_ms } => {
            clock.set(now_ms);
            Ok(Value::Null)
        }
        Request::Perform { command, record } => {
            let performed = replica.perform(&command, record).await?;
            Ok(json!({ "record": performed.record, "n": performed.n, "key": performed.key }))
        }
        Request::WriteUnjudged { record, payload } => {
            let performed = replica.write_unjudged(record, &payload).await?;
            Ok(json!({ "record": performed.record, "n": performed.n, "key": performed.key }))
        }
        Request::Statement { record, visit, language } => {
            Ok(json!(replica.statement(record, visit, language).await?.text))
        }
        Request::Sync => {
            let report = replica.sync(100).await?;
            Ok(
                json!({ "pushed": report.pushed, "received": report.received, "refused": report.refused }),
            )
        }
        Request::List => value(serde_json::to_value(replica.list().await)),
        Request::Review { record } => value(serde_json::to_value(replica.review(record).await?)),
        Request::Account => value(serde_json::to_value(replica.account().await?)),
        Request::Refused => {
            let rows = replica.refused().await?;
            Ok(rows
                .iter()
                .map(|row| json!({ "n": row.n, "record": row.record, "code": row.code }))
                .collect())
        }
        Request::DieInside { statements } => {
            hooks.armed.store(statements + 1, Ordering::SeqCst);
            Ok(Value::Null)
        }
        Request::Stop => Ok(Value::Null),
    }
}
