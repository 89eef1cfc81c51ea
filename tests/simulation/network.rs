//! The network between simulated phones and the server: messages lost, doubled, late, out of order
//! and cut off. What arrives goes to the server's own sync.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{SigningKey, VerifyingKey};
use fieldbook_server::db::Database;
use fieldbook_server::people::device;
use fieldbook_server::sync::{Bearer, Carrier, Sync};
use sync_core::model::id::{DeviceId, PersonId};
use sync_core::protocol::chain::HandInRequest;
use sync_core::protocol::enrolment::{
    EnrolRequest, EnrolResponse, NonceResponse, TokenRequest, TokenResponse,
};
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
pub struct Server(Arc<Mutex<Option<(Sync, Database)>>>);

/// What a phone sends under its token.
#[derive(Debug, Clone)]
struct Message {
    who: Bearer,
    hands_in: bool,
    body: Vec<u8>,
}

impl Server {
    /// Up with this process, or down.
    pub fn set(&self, running: Option<(Sync, Database)>) {
        *self.0.lock().expect("not poisoned") = running;
    }

    fn running(&self) -> Option<(Sync, Database)> {
        self.0.lock().expect("not poisoned").clone()
    }

    /// Calls the server; `None` while it is down or when it stops meanwhile.
    async fn ask(&self, message: &Message) -> Option<HttpResponse> {
        let (sync, database) = self.running()?;
        if let Some(problem) = refused(&database, message.who).await {
            return Some(problem);
        }
        let answered = if message.hands_in {
            let Ok(request) = frame::open::<HandInRequest>(&message.body) else {
                return Some(problem(ProblemCode::Malformed));
            };
            let by = Carrier::Phone(message.who, request.clock);
            let answered = sync.hand_in(by, &request.hand_over).await;
            answered.map(|response| frame::seal(&response))
        } else {
            let Ok(request) = frame::open(&message.body) else {
                return Some(problem(ProblemCode::Malformed));
            };
            sync.handle(message.who, request).await.map(|response| frame::seal(&response))
        };
        match answered {
            Ok(body) => Some(answer(200, body)),
            Err(fieldbook_server::Error::Problem { code, .. }) => Some(problem(code)),
            Err(_) => None,
        }
    }
}

/// What a device is told that may not come in.
async fn refused(database: &Database, who: Bearer) -> Option<HttpResponse> {
    let mut conn = database.reader().acquire().await.expect("connects");
    match device::admit(&mut conn, who).await {
        Ok(()) => None,
        Err(fieldbook_server::Error::Problem { code, .. }) => Some(problem(code)),
        Err(error) => panic!("{error:?}"),
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

/// One phone's way to the server. Codes and signatures are not what is simulated here: enrolment is
/// answered on the way, and a token names its device.
pub struct SimulatedTransport {
    server: Server,
    dice: Dice,
    invited: Mutex<Bearer>,
    /// The devices that were enrolled, with their keys, of which the server does not know yet.
    pub enrolled: Mutex<Vec<(Bearer, VerifyingKey)>>,
    faults: Mutex<Faults>,
    gate: Mutex<Option<Gate>>,
    late: Mutex<Option<Message>>,
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
    /// A way without faults, on which this person is invited to enrol as this device.
    pub fn new(server: Server, dice: Dice, person: PersonId, device: DeviceId) -> Self {
        Self {
            server,
            dice,
            invited: Mutex::new(Bearer { person, device }),
            enrolled: Mutex::default(),
            faults: Mutex::default(),
            gate: Mutex::default(),
            late: Mutex::default(),
            counts: Mutex::default(),
        }
    }

    /// Whoever enrols next is this person, as this device.
    pub fn invite(&self, person: PersonId, device: DeviceId) {
        *self.invited.lock().expect("not poisoned") = Bearer { person, device };
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
        let who = *self.invited.lock().expect("not poisoned");
        self.enrolled.lock().expect("not poisoned").push((who, key));
        let installation = SigningKey::from_bytes(&INSTALLATION);
        let (person, device) = (who.person, who.device);
        json(&EnrolResponse {
            certificate: Certificate::issue(&installation, person, device, &key, START_MS),
            installation_key: BASE64URL_NOPAD.encode(installation.verifying_key().as_bytes()),
            person_name: format!("师傅{person}"),
            server_time_ms: START_MS,
        })
    }

    async fn token(&self, body: &[u8]) -> Result<HttpResponse> {
        let request: TokenRequest = serde_json::from_slice(body).expect("asks for a token");
        let who = Bearer { person: request.person, device: request.device };
        let running = self.server.running();
        let (_, database) = running.ok_or_else(|| offline("the server is down"))?;
        if let Some(problem) = refused(&database, who).await {
            return Ok(problem);
        }
        let access_token = format!("{}.{}", who.person, who.device);
        Ok(json(&TokenResponse { access_token, expires_in_s: 900 }))
    }

    async fn send_under_token(&self, message: Message) -> Result<HttpResponse> {
        self.pass().await;
        let faults = *self.faults.lock().expect("not poisoned");
        self.count(|counts| counts.sent += 1);
        let late = self.late.lock().expect("not poisoned").take();
        if self.dice.happens(faults.lost_request) {
            self.count(|counts| counts.lost += 1);
            return Err(offline("lost on the way there"));
        }
        if self.dice.happens(faults.replayed_later) {
            *self.late.lock().expect("not poisoned") = Some(message.clone());
        }
        if self.dice.happens(faults.doubled) {
            self.count(|counts| counts.doubled += 1);
            self.server.ask(&message).await;
            self.pass().await;
        }
        let answer = self.server.ask(&message).await;
        if let Some(late) = late {
            self.count(|counts| counts.replayed += 1);
            self.server.ask(&late).await;
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

/// The installation's key.
pub const INSTALLATION: [u8; 32] = [1; 32];

/// Who a token names.
fn bearer(token: &str) -> Bearer {
    let (person, device) = token.split_once('.').expect("a token");
    let number = |text: &str| text.parse().expect("a number");
    Bearer { person: PersonId(number(person)), device: DeviceId(number(device)) }
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
            "sim:/v1/token" => self.token(&request.body).await,
            "sim:/v1/sync" | "sim:/v1/hand-in" => {
                let who = bearer(&request.bearer.expect("under a token"));
                let hands_in = request.url.ends_with("hand-in");
                self.send_under_token(Message { who, hands_in, body: request.body }).await
            }
            other => panic!("nobody asks for {other}"),
        }
    }
}
