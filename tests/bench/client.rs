//! The clients under measurement: real replicas on their own files, over real HTTP.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::Value;
use sync_core::Result;
use sync_core::environment::{NoHooks, SystemClock, SystemRandomness};
use sync_core::model::id::{RecordId, SiteId};
use sync_core::model::work_order;
use sync_core::replica::http::HttpTransport;
use sync_core::replica::{HttpRequest, HttpResponse, Replica, ReplicaOptions, Transport};
use sync_core::store::StoreKey;

use super::edits::{Filled, rebuild};
use super::workload::{self, SEED, make_record};

/// More requests than any phase needs.
const REQUESTS_MAX: u32 = 10_000;

/// The product's transport, which counts its requests and remembers the last token.
pub struct Wire {
    http: HttpTransport,
    requests: AtomicU64,
    token: Mutex<Option<String>>,
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if let Some(token) = &request.bearer {
            *self.token.lock().expect("nobody panics with it") = Some(token.clone());
        }
        self.http.send(request).await
    }
}

/// A phone, or the office on one.
pub struct Client {
    pub replica: Replica,
    wire: Arc<Wire>,
    url: String,
}

impl Client {
    /// Opens the store at `path`, loaded from the disk; nothing is sent.
    pub async fn open(path: &Path, url: &str) -> Self {
        let wire = Arc::new(Wire {
            http: HttpTransport::new().expect("a transport"),
            requests: AtomicU64::new(0),
            token: Mutex::new(None),
        });
        let replica = open(path, url, Arc::clone(&wire) as Arc<dyn Transport>).await;
        Self { replica, wire, url: url.to_owned() }
    }

    /// Enrols by a one-time code.
    pub async fn enrol(&self, code: &str) {
        self.replica.enrol(code, "bench", None).await.expect("enrols");
    }

    /// Writes the first `edits` edits of each of device `d`'s records, each one command, saved
    /// before the next one.
    pub async fn write(&self, site: SiteId, d: u32, records: u32, edits: usize) {
        for r in 0..records {
            let mut filled = Filled::default();
            let mut record = None;
            for edit in make_record(SEED, d, r).edits.iter().take(edits) {
                let command = filled.command(site, edit);
                let performed = self.replica.perform(&command, record).await.expect("allowed");
                filled.saved(&command, performed.key);
                record = Some(performed.record);
            }
        }
    }

    /// Syncs until neither side has more.
    pub async fn sync(&self) {
        let report = self.replica.sync(REQUESTS_MAX).await.expect("syncs");
        assert!(!report.more, "the last request of many");
    }

    /// All that was written here is in the server's accepted records.
    pub async fn check_accepted(&self, commands: u64) {
        let account = self.replica.account().await.expect("reads");
        let expected = (commands, commands);
        assert_eq!((account.saved, account.accepted), expected, "{account:?}");
    }

    /// The orders that are here, each rebuilt from its facts.
    pub async fn orders(&self) -> Vec<(RecordId, Value)> {
        let mut orders = Vec::new();
        for item in self.replica.list().await {
            // Not the few tasks that the server opens at each site by itself.
            if item.projection.kind == work_order::KIND {
                let review = self.replica.review(item.record).await.expect("reads");
                orders.push((item.record, rebuild(&review.expect("is here"))));
            }
        }
        orders
    }

    /// The digest of all orders that are here.
    pub async fn digest(&self) -> String {
        let orders = self.orders().await;
        workload::set_digest(orders.iter().map(|(_, order)| workload::digest(order)).collect())
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.wire.requests.load(Ordering::Relaxed)
    }

    /// Listens to the server's pokes.
    pub async fn listen(&self) -> Pokes {
        let token = self.wire.token.lock().expect("nobody panics with it").clone();
        let request = reqwest::Client::new().get(format!("{}/v1/poke", self.url));
        let request = request.bearer_auth(token.expect("it has synced"));
        let answer = request.send().await.expect("answers");
        assert!(answer.status().is_success(), "{}", answer.status());
        Pokes(answer)
    }
}

/// Opens a store as every client here does.
pub async fn open(path: &Path, url: &str, transport: Arc<dyn Transport>) -> Replica {
    let options = ReplicaOptions {
        path: path.to_owned(),
        key: StoreKey::new([3; 32]),
        server_url: url.to_owned(),
        app_version: "bench".to_owned(),
        clock: Arc::new(SystemClock::new(&SystemRandomness)),
        randomness: Arc::new(SystemRandomness),
        hooks: Arc::new(NoHooks),
        transport,
    };
    Replica::open(options).await.expect("opens")
}

/// A stream of pokes.
pub struct Pokes(reqwest::Response);

impl Pokes {
    /// Waits for the next one.
    pub async fn next(&mut self) {
        loop {
            let chunk = self.0.chunk().await.expect("listens").expect("goes on");
            if chunk.windows(4).any(|bytes| bytes == b"poke") {
                return;
            }
        }
    }
}
