//! The server of these tests: it holds records as values, answers from a script, and keeps every
//! request. What it says is built by hand from the messages' own types.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;

use async_trait::async_trait;
use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde_json::json;

use super::super::*;
use super::scene::{PHONE, SITE, WALL_MS, WANG, order, reference_json};
use crate::document::pack::{decode, encode};
use crate::document::{Change, ChangeHead, GENESIS_MAX_OP, RecordPack, genesis, heads_after};
use crate::engine::record::heads_digest;
use crate::model::audience::Audience;
use crate::model::fact::StoredFact;
use crate::model::id::{ChangeHash, DeviceId, FactKey, SessionId};
use crate::protocol::chain::{Entry, HandInRequest, HandInResponse, Numbers};
use crate::protocol::enrolment::{EnrolRequest, EnrolResponse, NonceResponse, TokenResponse};
use crate::protocol::identity::Certificate;
use crate::protocol::message::{
    Cursor, Delivery, Outcome, Receipt, Reference, WireAnchor, WireSession,
};
use crate::protocol::problem::{Problem, ProblemCode};
use crate::protocol::{SyncRequest, SyncResponse, VERSION, frame};

pub(super) const OFFICE: SessionId = SessionId([12; 8]);

/// How a scripted server answers.
type Answering = Box<dyn FnOnce(&mut Records, &SyncRequest) -> SyncResponse + Send>;

/// What the next sync request meets.
pub(super) enum Reply {
    /// An answer made of what was asked.
    Answer(Answering),
    /// An answer of which so many bytes arrive; the server has acted.
    Cut(usize),
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// A problem, with parameters, and after how many seconds to come back.
    Problem(ProblemCode, Vec<(&'static str, &'static str)>, Option<u64>),
    /// Nothing arrives anywhere.
    NoSignal,
    /// It never ends.
    Hangs,
}

/// What was sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) bearer: Option<String>,
    pub(super) request: SyncRequest,
}

/// A scripted server.
#[derive(Default)]
pub(super) struct Script {
    replies: Mutex<VecDeque<Reply>>,
    pub(super) records: Mutex<Records>,
    sent: Mutex<Vec<Sent>>,
    tokens: Mutex<u32>,
    /// Answers of `/v1/nonce` that are a no.
    pub(super) nonce_problem: Mutex<Option<ProblemCode>>,
    /// What is handed in meets this no.
    pub(super) hand_in_problem: Mutex<Option<ProblemCode>>,
    /// What becomes of handed-in numbers that are not entered, and by which code.
    pub(super) hand_in_outcomes: Mutex<BTreeMap<u64, (Outcome, Option<&'static str>)>>,
    /// How many enrolments are answered and the answers lost, and the keys that asked.
    pub(super) enrolments: Mutex<(u32, Vec<String>)>,
    under_way: Mutex<(u32, u32)>,
    pub(super) hangs: tokio::sync::Notify,
    /// Whoever holds it keeps requests that arrived without an answer.
    pub(super) hold: tokio::sync::Mutex<()>,
}

impl Script {
    /// The next sync requests meet these.
    pub(super) fn next(&self, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().expect("not poisoned").extend(replies);
    }

    /// The next sync request is answered with what `alter` makes of an honest answer.
    pub(super) fn next_altered(&self, alter: impl FnOnce(&mut SyncResponse) + Send + 'static) {
        self.next([Reply::Answer(Box::new(move |records, request| {
            let mut response = records.answer(request, &BTreeMap::new());
            alter(&mut response);
            response
        }))]);
    }

    /// The next `times` requests are answered honestly: every command is entered.
    pub(super) fn answers_as_it_should(&self, times: usize) {
        self.judges(times, &[]);
    }

    /// The next `times` requests are answered honestly, but these numbers get these outcomes.
    pub(super) fn judges(&self, times: usize, outcomes: &[(u64, Outcome)]) {
        for _ in 0..times {
            let outcomes: BTreeMap<u64, Outcome> = outcomes.iter().copied().collect();
            self.next([Reply::Answer(Box::new(move |records, request| {
                records.answer(request, &outcomes)
            }))]);
        }
    }

    /// The office opens an order and assigns it to Wang.
    pub(super) fn office_opens(&self, index: u8) {
        let created = json!({ "kind": "work_order", "site": SITE, "schema": 1,
            "category": "household", "unit": "3-2-1501", "description": "厨房水管漏水",
            "priority": "urgent" });
        let n = u64::from(index) + 1;
        let mut records = self.records.lock().expect("not poisoned");
        records.office_writes(order(index), fact(OFFICE, n, "created", created));
        let assign = json!({ "field": "assignee", "value": WANG, "replaces": [] });
        records.office_writes(order(index), fact(OFFICE, 100 + n, "set", assign));
    }

    /// The office writes a note.
    pub(super) fn office_notes(&self, index: u8, n: u64, text: &str) {
        let note = fact(OFFICE, n, "note", json!({ "text": text }));
        self.records.lock().expect("not poisoned").office_writes(order(index), note);
    }

    /// The requests that arrived.
    pub(super) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().expect("not poisoned").clone()
    }

    pub(super) fn forget_requests(&self) {
        self.sent.lock().expect("not poisoned").clear();
    }

    /// How many tokens were given.
    pub(super) fn tokens(&self) -> u32 {
        *self.tokens.lock().expect("not poisoned")
    }

    /// The most sync requests that were under way at once.
    pub(super) fn most_at_once(&self) -> u32 {
        self.under_way.lock().expect("not poisoned").1
    }

    /// What is handed in from now on has these outcomes; the rest is entered.
    pub(super) fn judges_hand_ins(&self, outcomes: &[(u64, Outcome, Option<&'static str>)]) {
        let outcomes = outcomes.iter().map(|(n, outcome, code)| (*n, (*outcome, *code)));
        *self.hand_in_outcomes.lock().expect("not poisoned") = outcomes.collect();
    }

    /// What a message brought stands in its records after all, and is told as everybody else's.
    pub(super) fn accepts_after_all(&self, packs: &[RecordPack]) {
        let mut records = self.records.lock().expect("not poisoned");
        for pack in packs {
            records.take(pack, &BTreeMap::new(), &mut Vec::new());
            records.tell_again(pack.record);
        }
    }

    /// Takes a chain that holds: every command is entered but for [`Self::judges_hand_ins`].
    fn hand_in(&self, body: &[u8]) -> HttpResponse {
        let request: HandInRequest = frame::open(body).expect("a phone's request");
        let packs = decode(&request.hand_over.packs).expect("honest packs");
        let mut entries = Vec::new();
        for pack in &packs {
            for change in &pack.changes {
                let n = change.facts[0].key.number().expect("a phone's");
                entries.push(Entry { n, record: pack.record, facts: &change.facts });
            }
        }
        let installation = SigningKey::from_bytes(&[1; 32]).verifying_key();
        request.hand_over.verify(&installation, &entries).expect("a chain that holds");
        let judged = self.hand_in_outcomes.lock().expect("not poisoned").clone();
        let outcomes = judged.iter().map(|(n, (outcome, _))| (*n, *outcome)).collect();
        let mut receipts = Vec::new();
        let mut records = self.records.lock().expect("not poisoned");
        for pack in &packs {
            records.take(pack, &outcomes, &mut receipts);
            records.tell_again(pack.record);
        }
        for receipt in &mut receipts {
            if let Some((_, Some(code))) = judged.get(&receipt.from) {
                receipt.code = Some((*code).to_owned());
            }
        }
        let kept_out = |n: &u64| outcomes.get(n) == Some(&Outcome::NotStored);
        let stored = entries.iter().map(|entry| entry.n).filter(|n| !kept_out(n));
        let stored = stored.map(|n| Numbers { from: n, to: n }).collect();
        let response = HandInResponse { version: VERSION, stored, receipts: Some(receipts) };
        ok(frame::seal(&response))
    }

    async fn sync(&self, http: HttpRequest) -> Result<HttpResponse> {
        let request: SyncRequest = frame::open(&http.body).expect("a phone's request");
        let sent = Sent { bearer: http.bearer, request: request.clone() };
        self.sent.lock().expect("not poisoned").push(sent);
        {
            let mut under_way = self.under_way.lock().expect("not poisoned");
            under_way.0 += 1;
            under_way.1 = under_way.1.max(under_way.0);
        }
        tokio::task::yield_now().await;
        let _free = self.hold.lock().await;
        let reply = self.replies.lock().expect("not poisoned").pop_front();
        let reply = reply.expect("the script has a reply");
        if matches!(reply, Reply::Hangs) {
            self.under_way.lock().expect("not poisoned").0 -= 1;
            self.hangs.notify_one();
            std::future::pending::<()>().await;
        }
        self.under_way.lock().expect("not poisoned").0 -= 1;
        let mut records = self.records.lock().expect("not poisoned");
        match reply {
            Reply::Answer(make) => Ok(ok(frame::seal(&make(&mut records, &request)))),
            Reply::Cut(bytes) => {
                let mut whole = frame::seal(&records.answer(&request, &BTreeMap::new()));
                assert!(bytes < whole.len(), "something is cut off");
                whole.truncate(bytes);
                Ok(ok(whole))
            }
            Reply::Bytes(bytes) => Ok(ok(bytes)),
            Reply::Problem(code, params, retry_after_s) => {
                Ok(HttpResponse { retry_after_s, ..problem(code, &params) })
            }
            Reply::NoSignal | Reply::Hangs => Err(Error::Offline { detail: "no signal".into() }),
        }
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        match request.url.as_str() {
            "script:/v1/enrol" => {
                let asked: EnrolRequest =
                    serde_json::from_slice(&request.body).expect("an enrolment");
                let mut enrolments = self.enrolments.lock().expect("not poisoned");
                enrolments.1.push(asked.public_key);
                if enrolments.0 > 0 {
                    enrolments.0 -= 1;
                    return Err(Error::Offline { detail: "the answer is lost".into() });
                }
                let mut keys: Vec<&String> = enrolments.1.iter().collect();
                keys.dedup();
                let device = DeviceId(PHONE.0 + u32::try_from(keys.len()).expect("few") - 1);
                Ok(enrol(&request.body, device))
            }
            "script:/v1/nonce" => match *self.nonce_problem.lock().expect("not poisoned") {
                Some(code) => Ok(HttpResponse {
                    retry_after_s: (code == ProblemCode::TooManyRequests).then_some(7),
                    ..problem(code, &[])
                }),
                None => Ok(json_body(&NonceResponse { nonce: "bm9uY2U".to_owned() })),
            },
            "script:/v1/token" => {
                let mut tokens = self.tokens.lock().expect("not poisoned");
                *tokens += 1;
                let access_token = format!("token {tokens}");
                Ok(json_body(&TokenResponse { access_token, expires_in_s: 900 }))
            }
            "script:/v1/sync" => self.sync(request).await,
            "script:/v1/hand-in" => {
                let refused = *self.hand_in_problem.lock().expect("not poisoned");
                Ok(refused.map_or_else(|| self.hand_in(&request.body), |code| problem(code, &[])))
            }
            other => panic!("nobody asks for {other}"),
        }
    }
}

fn enrol(body: &[u8], device: DeviceId) -> HttpResponse {
    let request: EnrolRequest = serde_json::from_slice(body).expect("an enrolment");
    let bytes = BASE64URL_NOPAD.decode(request.public_key.as_bytes()).expect("base64url");
    let key = VerifyingKey::from_bytes(&bytes.try_into().expect("32 bytes")).expect("a key");
    let installation = SigningKey::from_bytes(&[1; 32]);
    json_body(&EnrolResponse {
        certificate: Certificate::issue(&installation, WANG, device, &key, WALL_MS),
        installation_key: BASE64URL_NOPAD.encode(installation.verifying_key().as_bytes()),
        person_name: "王师傅".to_owned(),
        server_time_ms: WALL_MS,
    })
}

fn ok(body: Vec<u8>) -> HttpResponse {
    HttpResponse { status: 200, retry_after_s: None, body }
}

fn json_body(value: &impl serde::Serialize) -> HttpResponse {
    ok(serde_json::to_vec(value).expect("writes"))
}

fn problem(code: ProblemCode, params: &[(&str, &str)]) -> HttpResponse {
    let plain = Problem::new(code, String::new());
    let problem = params.iter().fold(plain, |problem, (name, value)| problem.with(name, value));
    HttpResponse { status: code.status(), ..json_body(&problem) }
}

/// The audience of one person.
pub(super) fn audience(person: PersonId) -> Audience {
    Audience::User(SITE, person)
}

fn fact(session: SessionId, n: u64, kind: &str, payload: serde_json::Value) -> StoredFact {
    let members = json!({ "p": payload, "s": [1, n], "t": kind, "w": WALL_MS });
    let json = crate::model::canonical::write(&members).expect("canonical");
    StoredFact { key: FactKey::Written { session, n, i: 0 }, json }
}

/// What the server holds: accepted changes by record, and how far each was served.
#[derive(Default)]
pub(super) struct Records {
    pub(super) accepted: BTreeMap<RecordId, Vec<Change>>,
    /// Hashes the phone has, by its own word or by a whole answer.
    served: BTreeSet<ChangeHash>,
    sequence: u64,
}

impl Records {
    fn heads(&self, record: RecordId) -> BTreeSet<ChangeHash> {
        let mut heads = BTreeSet::from([genesis(record).hash]);
        for change in self.accepted.get(&record).into_iter().flatten() {
            heads_after(&mut heads, change);
        }
        heads
    }

    /// The record comes to the phone as everybody else's.
    fn tell_again(&mut self, record: RecordId) {
        let changes = self.accepted[&record].clone();
        self.served.retain(|hash| !changes.iter().any(|change| change.hash == *hash));
    }

    /// A change of the office's on the heads.
    pub(super) fn office_writes(&mut self, record: RecordId, fact: StoredFact) {
        let heads = self.heads(record);
        let changes = self.accepted.entry(record).or_default();
        let own = changes.iter().filter(|change| change.actor == OFFICE);
        let seq = 1 + own.clone().map(|change| change.seq).max().unwrap_or_default();
        let mut deps = heads;
        deps.extend(own.max_by_key(|change| change.seq).map(|change| change.hash));
        let parents = changes.iter().filter(|change| deps.contains(&change.hash));
        let start_op = 1 + parents.map(Change::max_op).max().unwrap_or(GENESIS_MAX_OP);
        let head = ChangeHead { actor: OFFICE, seq, start_op, deps: deps.into_iter().collect() };
        changes.push(Change::build(head, vec![fact]).expect("small"));
        self.sequence += 1;
    }

    /// An honest answer: what came is entered unless `outcomes` says otherwise, what the phone
    /// lacks is delivered.
    pub(super) fn answer(
        &mut self,
        request: &SyncRequest,
        outcomes: &BTreeMap<u64, Outcome>,
    ) -> SyncResponse {
        let mut receipts = Vec::new();
        let packs = if request.packs.is_empty() {
            Vec::new()
        } else {
            decode(&request.packs).expect("an honest pack")
        };
        let mut touched = BTreeSet::new();
        for pack in packs {
            touched.insert(pack.record);
            self.take(&pack, outcomes, &mut receipts);
        }
        receipts.sort_by_key(|receipt| receipt.from);
        let mut response = empty(request);
        response.receipts_after = request.receipts_after + receipts.len() as u64;
        response.receipts = receipts;
        for (record, changes) in self.accepted.clone() {
            let whole = request.cursors.is_empty() || request.repairs.contains(&record);
            let lacking = changes.iter().filter(|c| whole || !self.served.contains(&c.hash));
            let lacking: Vec<Change> = lacking.cloned().collect();
            if lacking.is_empty() && !touched.contains(&record) {
                continue;
            }
            self.served.extend(changes.iter().map(|change| change.hash));
            let digest = heads_digest(&self.heads(record));
            deliver(&mut response, record, &lacking, whole, digest);
        }
        response.cursors[0].sequence = self.sequence;
        response
    }

    fn take(
        &mut self,
        pack: &RecordPack,
        outcomes: &BTreeMap<u64, Outcome>,
        receipts: &mut Vec<Receipt>,
    ) {
        let held = self.accepted.entry(pack.record).or_default();
        let mut max_ops: BTreeMap<ChangeHash, u64> =
            held.iter().map(|change| (change.hash, change.max_op())).collect();
        max_ops.insert(genesis(pack.record).hash, GENESIS_MAX_OP);
        let built = pack.build(|hash| max_ops.get(hash).copied());
        for change in built.changes {
            let n = change.facts[0].key.number().expect("a phone's");
            let outcome = outcomes.get(&n).copied().unwrap_or(Outcome::Entered);
            let already_had = held.iter().any(|had| had.hash == change.hash);
            if outcome == Outcome::Entered {
                self.served.insert(change.hash);
                self.sequence += u64::from(!already_had);
                if !already_had {
                    held.push(change);
                }
            }
            let at = Seen { epoch: 1, sequence: self.sequence };
            receipts.push(Receipt { already_had, ..receipt(n, outcome, Some(at)) });
        }
    }
}

/// A receipt of one command, with a code and a parameter where one belongs.
pub(super) fn receipt(n: u64, outcome: Outcome, accepted_at: Option<Seen>) -> Receipt {
    let code = match outcome {
        Outcome::Entered | Outcome::Rewritten => None,
        Outcome::Held => Some("missing_dependency"),
        Outcome::Refused => Some("not_your_role"),
        Outcome::NotStored => Some("quota"),
    };
    let params = code.map(|_| BTreeMap::from([("fact".to_owned(), "note".to_owned())]));
    Receipt {
        from: n,
        to: n,
        outcome,
        code: code.map(str::to_owned),
        params,
        cases: None,
        already_had: false,
        accepted_at: accepted_at.filter(|_| outcome.is_accepted()),
    }
}

/// An answer with nothing in it but what every one has.
fn empty(request: &SyncRequest) -> SyncResponse {
    let cursor = Cursor { epoch: 1, audience: audience(WANG), sequence: 0 };
    let office = WireSession {
        session: OFFICE,
        person: PersonId(12),
        device: crate::model::id::DeviceId(1),
        office: true,
        boot: crate::model::time::BootId([1; 16]),
        opened_wall_ms: WALL_MS,
        opened_monotonic_ms: 0,
        anchor: None,
    };
    let reference = Reference { version: 3, json: reference_json() };
    SyncResponse {
        version: VERSION,
        epoch: 1,
        server_time_ms: WALL_MS,
        anchor: WireAnchor { server_ms: WALL_MS, monotonic_ms: 1_000 },
        receipts: Vec::new(),
        receipts_after: request.receipts_after,
        reference: (request.reference_version != 3).then_some(reference),
        sessions: vec![office],
        records: Vec::new(),
        packs: Vec::new(),
        left: Vec::new(),
        cursors: vec![cursor],
        backed_up: None,
        more: false,
        re_enrol: false,
        purged: None,
        answered: None,
    }
}

fn deliver(
    response: &mut SyncResponse,
    record: RecordId,
    changes: &[Change],
    whole: bool,
    heads_digest: [u8; 8],
) {
    let mut packs =
        if response.packs.is_empty() { Vec::new() } else { decode(&response.packs).expect("own") };
    response.records.push(Delivery {
        record,
        site: SITE,
        audiences: vec![audience(WANG)],
        whole,
        has_pack: !changes.is_empty(),
        attestation: [5; 16],
        heads_digest,
    });
    if !changes.is_empty() {
        packs.push(RecordPack::from_changes(record, changes));
        response.packs = encode(&packs);
    }
}
