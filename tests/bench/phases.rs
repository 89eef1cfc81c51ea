//! The phases, one after another on one copy of the prepared files: push, kill -9 and restart,
//! bootstrap, idle, steady. Each ends with a check that the work is where it should be.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use sync_core::model::id::{FactKey, RecordId};
use tokio::task::JoinSet;

use super::client::{Client, Pokes};
use super::edits::Filled;
use super::prepare::{Place, Size, site};
use super::server::{Server, Used, used};
use super::wire::{Relay, Traffic};
use super::workload::{self, EDITS, PUBLISHED, RECORDS, SEED, make_record, steady_edit};

/// Syncs with nothing new whose costs are averaged.
const IDLE_REPEATS: u32 = 20;
/// Between two edits of the steady phase.
const PAUSE: Duration = Duration::from_millis(20);
/// For the server's log to be read to its end.
const LOG_SETTLES: Duration = Duration::from_millis(200);

/// What one phase cost.
#[derive(Debug, Clone, Default)]
pub struct Row {
    pub phase: &'static str,
    pub wall_ms: f64,
    /// The slowest but one in a hundred; none where there is only one.
    pub p99_ms: Option<f64>,
    pub traffic: Traffic,
    /// HTTP requests, those for an access token among them.
    pub requests: u64,
    pub server_cpu_ms: f64,
    pub client_cpu_ms: f64,
    pub server_rss_mib: f64,
    pub fsyncs: u64,
    pub statements: u64,
    /// Over how many syncs or edits the costs are to be shared out.
    pub repeats: u32,
}

/// A pass over all phases.
pub struct Pass<'a> {
    pub fieldbook: &'a Path,
    pub place: &'a Place,
    pub size: Size,
    /// Edits of the steady phase.
    pub steady: u32,
    /// Over relays and under strace: for counts. Otherwise for times.
    pub counted: bool,
}

impl Pass<'_> {
    /// All phases.
    pub async fn run(&self) -> Vec<Row> {
        let installation = self.place.installation(self.fieldbook);
        let server = installation.serve(self.counted);
        let mut rows = vec![self.push(&server).await];
        // Nothing is waited for: what was acknowledged has to be on the disk.
        server.kill();
        let server = installation.serve(self.counted);
        let wall_ms = server.started_ms;
        rows.push(Row { phase: "restart", wall_ms, repeats: 1, ..Row::default() });
        let relay = self.relay(&server).await;
        rows.push(self.bootstrap(&server, relay.as_ref()).await);
        let (cold, warm) = self.idle(&server, relay.as_ref()).await;
        rows.extend([cold, warm]);
        if self.size.edits == EDITS && self.steady > 0 {
            rows.extend(self.steady(&server).await);
        }
        server.stop();
        rows
    }

    async fn relay(&self, server: &Server) -> Option<Relay> {
        if self.counted { Some(Relay::to(&server.url).await) } else { None }
    }

    /// All devices hand in at once what they wrote.
    async fn push(&self, server: &Server) -> Row {
        let relay = self.relay(server).await;
        let url = url(server, relay.as_ref());
        let mut clients = Vec::new();
        for d in 0..self.size.devices {
            clients.push(Client::open(&self.place.device(d), url).await);
        }
        let meter = Meter::begin(server, relay.as_ref());
        let mut syncing = JoinSet::new();
        for client in clients {
            syncing.spawn(async move {
                client.sync().await;
                client
            });
        }
        let clients = syncing.join_all().await;
        let row = meter.end("push", clients.iter().map(Client::requests).sum()).await;
        let commands = u64::from(self.size.records) * self.size.edits as u64;
        for client in clients {
            client.check_accepted(commands).await;
            client.replica.close().await;
        }
        row
    }

    /// A client that holds nothing is served everything by a server that was just started.
    async fn bootstrap(&self, server: &Server, relay: Option<&Relay>) -> Row {
        let office = Client::open(&self.place.office(), url(server, relay)).await;
        let meter = Meter::begin(server, relay);
        office.sync().await;
        let row = meter.end("bootstrap", office.requests()).await;
        assert_eq!(office.digest().await, self.expected(), "every order with all its edits");
        office.replica.close().await;
        row
    }

    fn expected(&self) -> String {
        let Size { devices, records, edits } = self.size;
        let published = PUBLISHED.iter().find(|(d, _)| *d == devices);
        match published.filter(|_| records == RECORDS && edits == EDITS) {
            Some((_, digest)) => (*digest).to_owned(),
            None => workload::expected_digest(SEED, devices, records, edits),
        }
    }

    /// The office's client is started anew and syncs with nothing new; then again and again.
    async fn idle(&self, server: &Server, relay: Option<&Relay>) -> (Row, Row) {
        let office = Client::open(&self.place.office(), url(server, relay)).await;
        let meter = Meter::begin(server, relay);
        office.sync().await;
        let cold = meter.end("idle_start", office.requests()).await;
        let meter = Meter::begin(server, relay);
        let before = office.requests();
        let mut walls = Vec::new();
        for _ in 0..IDLE_REPEATS {
            let started = Instant::now();
            office.sync().await;
            walls.push(ms(started));
        }
        let mut warm = meter.end("idle", office.requests() - before).await;
        (warm.wall_ms, warm.p99_ms) = spread(walls);
        warm.repeats = IDLE_REPEATS;
        office.replica.close().await;
        (cold, warm)
    }

    /// One edit after another on device 0, each waited for until the office sees it.
    async fn steady(&self, server: &Server) -> Vec<Row> {
        let (to_editor, to_office) = (self.relay(server).await, self.relay(server).await);
        let editor = Client::open(&self.place.device(0), url(server, to_editor.as_ref())).await;
        let office = Client::open(&self.place.office(), url(server, to_office.as_ref())).await;
        editor.sync().await;
        office.sync().await;
        let mut pokes = office.listen().await;
        let records = records_by_number(&editor).await;
        let before = (editor.requests(), office.requests());
        let at_editor = Meter::begin(server, to_editor.as_ref());
        let at_office = Meter::begin(server, to_office.as_ref());
        let mut walls = Vec::new();
        for i in 0..self.steady {
            let record = records[&(i % self.size.records)];
            let command = Filled::default().command(site(0), &steady_edit(SEED, i));
            let started = Instant::now();
            let performed = editor.replica.perform(&command, Some(record)).await.expect("allowed");
            tokio::join!(editor.sync(), seen(&office, &mut pokes, record, performed.key));
            walls.push(ms(started));
            tokio::time::sleep(PAUSE).await;
        }
        let mut row = at_editor.end("steady", editor.requests() - before.0).await;
        (row.wall_ms, row.p99_ms) = spread(walls);
        row.repeats = self.steady;
        let requests = office.requests() - before.1;
        let traffic = at_office.end("steady_office", requests).await.traffic;
        // Its times and the server's are those of the other row.
        let served = Row {
            phase: "steady_office",
            traffic,
            requests,
            repeats: self.steady,
            ..Row::default()
        };
        assert_eq!(office.digest().await, self.expected_after_steady(), "every edit is seen");
        editor.replica.close().await;
        office.replica.close().await;
        vec![row, served]
    }

    fn expected_after_steady(&self) -> String {
        let mut digests = Vec::new();
        for (d, r) in
            (0..self.size.devices).flat_map(|d| (0..self.size.records).map(move |r| (d, r)))
        {
            let mut record = make_record(SEED, d, r).after(EDITS);
            let own = (0..self.steady).filter(|i| d == 0 && i % self.size.records == r);
            own.for_each(|i| workload::apply(&mut record, &steady_edit(SEED, i)));
            digests.push(workload::digest(&record));
        }
        workload::set_digest(digests)
    }
}

/// Waits until the client has been told of a fact and holds it.
async fn seen(client: &Client, pokes: &mut Pokes, record: RecordId, key: FactKey) {
    loop {
        pokes.next().await;
        client.sync().await;
        let review = client.replica.review(record).await.expect("reads").expect("is here");
        if review.timeline.iter().any(|entry| entry.key == key) {
            return;
        }
    }
}

/// A device's records by their number in the workload.
async fn records_by_number(client: &Client) -> BTreeMap<u32, RecordId> {
    let number = |order: &Value| order["id"].as_str()?.rsplit('-').next()?.parse().ok();
    let orders = client.orders().await.into_iter();
    orders.map(|(record, order)| (number(&order).expect("wo-<d>-<r>"), record)).collect()
}

/// A phase while it runs.
struct Meter<'a> {
    server: &'a Server,
    relay: Option<&'a Relay>,
    traffic: Traffic,
    before: Used,
    own_before: Used,
    started: Instant,
}

impl<'a> Meter<'a> {
    fn begin(server: &'a Server, relay: Option<&'a Relay>) -> Self {
        let traffic = relay.map(Relay::traffic).unwrap_or_default();
        let (before, own_before) = (server.used(), used("self"));
        Self { server, relay, traffic, before, own_before, started: Instant::now() }
    }

    async fn end(self, phase: &'static str, requests: u64) -> Row {
        let wall_ms = ms(self.started);
        let own = used("self");
        if self.relay.is_some() {
            tokio::time::sleep(LOG_SETTLES).await;
        }
        let after = self.server.used();
        let traffic = self.relay.map(Relay::traffic).unwrap_or_default();
        Row {
            phase,
            wall_ms,
            p99_ms: None,
            traffic: traffic - self.traffic,
            requests,
            server_cpu_ms: (after.cpu_ms - self.before.cpu_ms) as f64,
            client_cpu_ms: (own.cpu_ms - self.own_before.cpu_ms) as f64,
            server_rss_mib: after.peak_kib as f64 / 1_024.0,
            fsyncs: after.fsyncs - self.before.fsyncs,
            statements: after.statements - self.before.statements,
            repeats: 1,
        }
    }
}

fn url<'a>(server: &'a Server, relay: Option<&'a Relay>) -> &'a str {
    relay.map_or(&server.url, |relay| &relay.url)
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

/// The median and the slowest but one in a hundred.
fn spread(mut walls: Vec<f64>) -> (f64, Option<f64>) {
    walls.sort_by(f64::total_cmp);
    let at = |share: usize| walls.get((walls.len() * share / 100).min(walls.len() - 1)).copied();
    (at(50).unwrap_or_default(), at(99))
}
