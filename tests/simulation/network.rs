//! The network between simulated phones and the server: messages lost, doubled, late, out of order
//! and cut off. What arrives goes to the server's own sync.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{SigningKey, VerifyingKey};
use fieldbook_server::sync::{Bearer, Sync};
use sync_core::model::id::{DeviceId, PersonId};
use sync_core::protocol::enrolment::{EnrolRequest, EnrolResponse, NonceResponse, TokenResponse};
use sync_core::protocol::frame;
use sync_core::protocol::identity::Certificate;
use sync_core::protocol::problem::{Problem, ProblemCode};
use sync_core::replica::{HttpRequest, HttpResponse, Transport};
use sync_core::{Error, Result};

use super::environment::{Dice, Gate, START_MS};

/// How often, in a thousand requests, each fault happens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// The request never arrives.
    pub lost_request: usize,
    /// The server acts, its answer never arrives.
    pub lost_answer: usize,
    /// The request arrives twice.
    pub doubled: usize,
    /// The answer is cut off in the middle.
    pub cut: usize,
    /// The request arrives again after later ones.
    pub replayed_later: usize,
}

/// The server's address: its process while it is up.
#[derive(Clone, Default)]
pub struct Server(Arc<Mutex<Option<Sync>>>);

impl Server {
    /// Up with this process, or down.
    pub fn set(&self, sync: Option<Sync>) {
        *self.0.lock().expect("not poisoned") = sync;
    }

    /// Calls the server; `None` while it is down or when it stops meanwhile.
    async fn sync(&self, who: Bearer, body: &[u8]) -> Option<HttpResponse> {
        let sync = self.0.lock().expect("not poisoned").clone()?;
        let request = match frame::open(body) {
            Ok(request) => request,
            Err(_) => return Some(problem(ProblemCode::Malformed)),
        };
        match sync.handle(who, request).await {
            Ok(response) => Some(answer(200, frame::seal(&response))),
            Err(fieldbook_server::Error::Problem { code, .. }) => Some(problem(code)),
            Err(_) => None,
        }
    }
}

fn answer(status: u16, body: Vec<u8>) -> HttpResponse {
    HttpResponse { status, retry_after_s: None, body }
}

fn json(value: &impl serde::Serialize) -> HttpResponse {
    answer(200, serde_json::to_vec(value).expect("writes"))
}

fn problem(code: ProblemCode) -> HttpResponse {
    let problem = Problem::new(code, String::new());
    answer(code.status(), serde_json::to_vec(&problem).expect("writes"))
}

/// One phone's way to the server. Identity is not what is simulated here: enrolment and tokens are
/// answered on the way.
pub struct SimulatedTransport {
    server: Server,
    dice: Dice,
    who: Bearer,
    name: String,
    /// The key that the phone enrolled with.
    pub public_key: Mutex<Option<VerifyingKey>>,
    faults: Mutex<Faults>,
    gate: Mutex<Option<Gate>>,
    late: Mutex<Option<Vec<u8>>>,
    /// What happened on the way, for the report.
    pub counts: Mutex<Counts>,
}

/// Faults that happened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Requests that the phone sent.
    pub sent: u64,
    /// Requests or answers lost.
    pub lost: u64,
    /// Requests that arrived twice.
    pub doubled: u64,
    /// Answers cut off.
    pub cut: u64,
    /// Requests that arrived again after later ones.
    pub replayed: u64,
}

impl SimulatedTransport {
    /// A way without faults for one person's device.
    pub fn new(server: Server, dice: Dice, person: PersonId, device: DeviceId) -> Self {
        Self {
            server,
            dice,
            who: Bearer { person, device },
            name: format!("师傅{person}"),
            public_key: Mutex::default(),
            faults: Mutex::default(),
            gate: Mutex::default(),
            late: Mutex::default(),
            counts: Mutex::default(),
        }
    }

    /// From now on with these faults.
    pub fn set_faults(&self, faults: Faults) {
        *self.faults.lock().expect("not poisoned") = faults;
        if faults.replayed_later == 0 {
            *self.late.lock().expect("not poisoned") = None;
        }
    }

    /// Joins a scheduler, or leaves it.
    pub fn set_gate(&self, gate: Option<Gate>) {
        *self.gate.lock().expect("not poisoned") = gate;
    }

    async fn pass(&self) {
        let gate = self.gate.lock().expect("not poisoned").clone();
        if let Some(gate) = gate {
            gate.pass().await;
        }
    }

    fn count(&self, count: impl FnOnce(&mut Counts)) {
        count(&mut self.counts.lock().expect("not poisoned"));
    }

    fn enrol(&self, body: &[u8]) -> HttpResponse {
        let request: EnrolRequest = serde_json::from_slice(body).expect("an enrolment");
        let bytes = BASE64URL_NOPAD.decode(request.public_key.as_bytes()).expect("base64url");
        let key = VerifyingKey::from_bytes(&bytes.try_into().expect("32 bytes")).expect("a key");
        *self.public_key.lock().expect("not poisoned") = Some(key);
        let installation = SigningKey::from_bytes(&[1; 32]);
        let (person, device) = (self.who.person, self.who.device);
        json(&EnrolResponse {
            certificate: Certificate::issue(&installation, person, device, &key, START_MS),
            installation_key: BASE64URL_NOPAD.encode(installation.verifying_key().as_bytes()),
            person_name: self.name.clone(),
            server_time_ms: START_MS,
        })
    }

    async fn sync(&self, body: Vec<u8>) -> Result<HttpResponse> {
        self.pass().await;
        let faults = *self.faults.lock().expect("not poisoned");
        self.count(|counts| counts.sent += 1);
        let late = self.late.lock().expect("not poisoned").take();
        if self.dice.happens(faults.lost_request) {
            self.count(|counts| counts.lost += 1);
            return Err(offline("lost on the way there"));
        }
        if self.dice.happens(faults.replayed_later) {
            *self.late.lock().expect("not poisoned") = Some(body.clone());
        }
        if self.dice.happens(faults.doubled) {
            self.count(|counts| counts.doubled += 1);
            self.server.sync(self.who, &body).await;
            self.pass().await;
        }
        let answer = self.server.sync(self.who, &body).await;
        if let Some(late) = late {
            self.count(|counts| counts.replayed += 1);
            self.server.sync(self.who, &late).await;
        }
        self.pass().await;
        if self.dice.happens(faults.lost_answer) {
            self.count(|counts| counts.lost += 1);
            return Err(offline("lost on the way back"));
        }
        let mut answer = answer.ok_or_else(|| offline("the server is down"))?;
        if self.dice.happens(faults.cut) && !answer.body.is_empty() {
            self.count(|counts| counts.cut += 1);
            answer.body.truncate(self.dice.below(answer.body.len()));
        }
        Ok(answer)
    }
}

fn offline(detail: &str) -> Error {
    Error::Offline { detail: detail.to_owned() }
}

#[async_trait]
impl Transport for SimulatedTransport {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        match request.url.as_str() {
            "sim:/v1/enrol" => Ok(self.enrol(&request.body)),
            "sim:/v1/nonce" => Ok(json(&NonceResponse { nonce: "bm9uY2U".to_owned() })),
            "sim:/v1/token" => {
                Ok(json(&TokenResponse { access_token: "token".to_owned(), expires_in_s: 900 }))
            }
            "sim:/v1/sync" => self.sync(request.body).await,
            other => panic!("nobody asks for {other}"),
        }
    }
}
