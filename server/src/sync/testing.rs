//! People, phones and facts for tests: phones as small as they can be, without a store.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sync_core::document::{
    Change, ChangeHead, GENESIS_MAX_OP, RecordPack, genesis_hash, heads_after,
};
use sync_core::model::audience::Audience;
use sync_core::model::canonical;
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{ChangeHash, DeviceId, FactKey, PersonId, RecordId, SessionId, SiteId};
use sync_core::model::person::{Principal, Role, RoleGrant};
use sync_core::model::session::{Origin, SessionRow};
use sync_core::model::time::{Anchor, BootId, Seen};
use sync_core::protocol::identity::session_statement;
use sync_core::protocol::message::{Cursor, Outcome, SessionRegistration};

/// The site of every test.
pub const SITE: SiteId = SiteId(7);
/// Chen of the desk.
pub const CHEN: PersonId = PersonId(12);
/// Wang, a technician.
pub const WANG: PersonId = PersonId(31);
/// Li, another.
pub const LI: PersonId = PersonId(32);
/// Zhou, supervisor of customer service.
pub const ZHOU: PersonId = PersonId(51);
/// When tests happen.
pub const NOW_MS: i64 = 1_790_000_000_000;

/// Who is who.
pub fn principals() -> BTreeMap<PersonId, Principal> {
    let roles = [
        (CHEN, Role::FrontDesk),
        (WANG, Role::Technician),
        (LI, Role::Technician),
        (ZHOU, Role::Supervisor),
    ];
    roles
        .into_iter()
        .map(|(person, role)| {
            let grant = RoleGrant {
                person,
                role,
                site: SITE,
                group: None,
                department: None,
                from_ms: 0,
                to_ms: None,
                granted: Seen { epoch: 1, sequence: 0 },
                ended: None,
                on_behalf_of: None,
            };
            (person, Principal { person, grants: vec![grant] })
        })
        .collect()
}

/// A phone, or the desk's seat: one session of one person.
pub struct Phone {
    pub person: PersonId,
    pub device: DeviceId,
    pub session: SessionId,
    pub boot: BootId,
    pub key: SigningKey,
    /// The last command number.
    pub number: u64,
    /// What it had seen.
    pub seen: Seen,
    /// So long after the beginning it claims to write. Milliseconds.
    pub written_ms: i64,
    pub office: bool,
    pub records: BTreeMap<RecordId, Copy>,
    pub cursors: Vec<Cursor>,
    pub receipts_after: u64,
    /// What it was told of its commands.
    pub told: BTreeMap<u64, Outcome>,
    pub known_sessions: BTreeSet<SessionId>,
    /// Records it will ask for whole.
    pub repairs: BTreeSet<RecordId>,
}

/// A record as a phone holds it.
#[derive(Clone, Default)]
pub struct Copy {
    /// Accepted or own: every change known.
    pub max_ops: BTreeMap<ChangeHash, u64>,
    /// The accepted heads, or the own last change.
    pub heads: BTreeSet<ChangeHash>,
    pub accepted: Vec<Change>,
    pub pending: Vec<Change>,
    pub seq: u64,
    /// Why the phone holds it.
    pub audiences: BTreeSet<Audience>,
    pub left: bool,
}

impl Phone {
    pub fn new(person: PersonId, device: u32) -> Self {
        let seed = u8::try_from(device).expect("a small number");
        Self {
            person,
            device: DeviceId(device),
            session: SessionId([seed; 8]),
            boot: BootId([seed; 16]),
            key: SigningKey::from_bytes(&[seed; 32]),
            number: 0,
            seen: Seen { epoch: 1, sequence: 0 },
            written_ms: 0,
            office: false,
            records: BTreeMap::new(),
            cursors: Vec::new(),
            receipts_after: 0,
            told: BTreeMap::new(),
            known_sessions: BTreeSet::new(),
            repairs: BTreeSet::new(),
        }
    }

    /// Another opening of the store: a new session.
    pub fn reopen(&mut self, session: u8) {
        self.session = SessionId([session; 8]);
        for copy in self.records.values_mut() {
            copy.seq = 0;
        }
    }

    /// Its next facts say how far it has read, as a real phone's do.
    pub fn has_read(&mut self) {
        let read = self.cursors.iter().map(|cursor| cursor.sequence).max();
        self.seen.sequence = read.unwrap_or_default();
    }

    /// After an answer, what is written next stands on the accepted record: in a session of its
    /// own, since the old one's chain may have ended in what was not accepted.
    pub fn rebase(&mut self) {
        let mut session = self.session.0;
        session[7] = session[7].wrapping_add(1);
        self.session = SessionId(session);
        for (record, copy) in &mut self.records {
            copy.seq = 0;
            copy.heads = copy.known_heads(*record);
        }
    }

    pub fn row(&self) -> SessionRow {
        SessionRow {
            session: self.session,
            person: self.person,
            device: self.device,
            origin: if self.office { Origin::Office } else { Origin::Phone },
            boot: self.boot,
            opened_wall_ms: NOW_MS - 1_000,
            opened_monotonic_ms: 1_000,
            anchor: Some(Anchor { server_ms: NOW_MS, monotonic_ms: 2_000 }),
        }
    }

    pub fn registration(&self) -> SessionRegistration {
        let mut registration = SessionRegistration {
            session: self.session,
            boot: self.boot,
            opened_wall_ms: NOW_MS - 1_000,
            opened_monotonic_ms: 1_000,
            signature: [0; 64],
        };
        let statement = session_statement(self.person, self.device, &registration);
        registration.signature = self.key.sign(&statement).to_bytes();
        registration
    }

    /// Opens a work order by hand.
    pub fn open_order(&mut self, contact: Option<RecordId>) -> (RecordId, Change) {
        let record = RecordId::by_hand("work_order", SITE, self.session, self.number + 1);
        let mut created = json!({
            "kind": "work_order", "site": SITE.0, "schema": 1, "category": "household",
            "unit": "3-2-1501", "description": "厨房水管漏水", "priority": "urgent",
        });
        if let Some(contact) = contact {
            created["contact"] = json!(contact.to_string());
        }
        let change = self.write(record, "created", created);
        (record, change)
    }

    /// One command with one fact.
    pub fn write(&mut self, record: RecordId, fact_type: &str, payload: Value) -> Change {
        self.write_all(record, &[(fact_type, payload)])
    }

    /// One command with several facts.
    pub fn write_all(&mut self, record: RecordId, facts: &[(&str, Value)]) -> Change {
        self.number += 1;
        let facts = (0..).zip(facts).map(|(i, (fact_type, payload))| {
            let key = FactKey::Written { session: self.session, n: self.number, i };
            self.fact(key, fact_type, payload)
        });
        let facts = facts.collect();
        self.change(record, facts)
    }

    /// A change with exactly these facts on what the phone holds.
    pub fn change(&mut self, record: RecordId, facts: Vec<StoredFact>) -> Change {
        let copy = self.records.entry(record).or_insert_with(|| Copy::new(record));
        copy.seq += 1;
        let deps: Vec<ChangeHash> = copy.heads.iter().copied().collect();
        let start_op = 1 + deps.iter().map(|dep| copy.max_ops[dep]).max().expect("some heads");
        let head = ChangeHead { actor: self.session, seq: copy.seq, start_op, deps };
        let change = Change::build(head, facts).expect("a change");
        copy.max_ops.insert(change.hash, change.max_op());
        copy.heads = BTreeSet::from([change.hash]);
        copy.pending.push(change.clone());
        change
    }

    pub fn fact(&self, key: FactKey, fact_type: &str, payload: &Value) -> StoredFact {
        let wall_ms = NOW_MS + i64::try_from(self.number).expect("small");
        let mut fact = json!({
            "t": fact_type, "w": wall_ms, "s": [self.seen.epoch, self.seen.sequence],
        });
        if !self.office {
            let number = i64::try_from(self.number).expect("small");
            fact["m"] = json!(2_000 + number + self.written_ms);
        }
        if payload.as_object().is_some_and(|payload| !payload.is_empty()) {
            fact["p"] = payload.clone();
        }
        StoredFact { key, json: canonical::write(&fact).expect("canonical") }
    }

    /// The pending commands of a record.
    pub fn pack(&self, record: RecordId) -> RecordPack {
        RecordPack::from_changes(record, &self.records[&record].pending)
    }

    pub fn copy(&mut self, record: RecordId) -> &mut Copy {
        self.records.entry(record).or_insert_with(|| Copy::new(record))
    }
}

impl Copy {
    pub fn new(record: RecordId) -> Self {
        let genesis = genesis_hash(record);
        Self {
            max_ops: BTreeMap::from([(genesis, GENESIS_MAX_OP)]),
            heads: BTreeSet::from([genesis]),
            ..Self::default()
        }
    }

    /// Takes receipts: what entered joins the accepted record, what was rewritten or refused is
    /// pending no more.
    pub fn settle(&mut self, told: &BTreeMap<u64, Outcome>) {
        let pending = std::mem::take(&mut self.pending);
        for change in pending {
            let number = change.facts[0].key.number().expect("own facts");
            match told.get(&number) {
                Some(Outcome::Entered) => self.accepted.push(change),
                Some(Outcome::Rewritten | Outcome::Refused) => {}
                Some(Outcome::Held | Outcome::NotStored) | None => self.pending.push(change),
            }
        }
    }

    /// Takes accepted changes; what it has already it leaves as it is.
    pub fn receive(&mut self, record: RecordId, changes: &[Change]) {
        for change in changes {
            self.max_ops.insert(change.hash, change.max_op());
            if !self.accepted.iter().any(|known| known.hash == change.hash) {
                self.accepted.push(change.clone());
            }
        }
        if self.pending.is_empty() {
            self.heads = self.accepted_heads(record);
        }
    }

    /// Everything known, accepted or pending.
    fn known_heads(&self, record: RecordId) -> BTreeSet<ChangeHash> {
        let last = self.pending.last().map(|change| BTreeSet::from([change.hash]));
        last.unwrap_or_else(|| self.accepted_heads(record))
    }

    pub fn accepted_heads(&self, record: RecordId) -> BTreeSet<ChangeHash> {
        let mut heads = BTreeSet::from([genesis_hash(record)]);
        for change in &self.accepted {
            heads_after(&mut heads, change);
        }
        heads
    }

    /// Keys and texts of everything accepted.
    pub fn facts(&self) -> BTreeMap<FactKey, String> {
        let facts = self.accepted.iter().flat_map(|change| &change.facts);
        facts.map(|fact| (fact.key, fact.json.clone())).collect()
    }
}

/// A field write that replaces nothing.
pub fn set(field: &str, value: Value) -> (&'static str, Value) {
    ("set", json!({ "field": field, "value": value, "replaces": [] }))
}

/// What only the general manager may do, by a technician.
pub fn forbidden() -> (&'static str, Value) {
    ("cancelled", json!({ "reason": "customer_withdrew" }))
}
