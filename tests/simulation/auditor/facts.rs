//! Records as the auditors see them: their raw facts, read without the rules' code.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sync_core::model::id::{FactKey, RecordId, SiteId};
use sync_core::model::session::{Origin, SessionRows};
use sync_core::rules::Review;

use super::super::world::World;

/// A fact as it is stored, and when and by whom.
#[derive(Debug, Clone)]
pub struct Raw {
    /// Its key.
    pub key: FactKey,
    /// `t`.
    pub t: String,
    /// `p`.
    pub p: Value,
    /// When.
    pub at_ms: i64,
    /// Whether anything may be measured by it.
    pub judgeable: bool,
    /// The writer's earlier fact or what it names: the facts it follows.
    after: Option<Vec<FactKey>>,
    writer: Option<(u32, u32)>,
}

impl Raw {
    /// Whether the server wrote it by a rule.
    pub fn is_derived(&self) -> bool {
        self.key.session().is_none()
    }

    /// Whether it was written on a phone.
    pub fn is_of_a_phone(&self) -> bool {
        self.writer.is_some_and(|(_, device)| device > 100)
    }

    /// A member of its payload that names a fact or a record.
    pub fn id<T: std::str::FromStr>(&self, member: &str) -> Option<T> {
        self.p[member].as_str()?.parse().ok()
    }

    /// A whole number of its payload.
    pub fn whole(&self, member: &str) -> i64 {
        self.p[member].as_i64().unwrap_or_else(|| panic!("{member} of {self:?}"))
    }
}

/// A record.
pub struct Record {
    /// Its id.
    pub record: RecordId,
    /// Its kind.
    pub kind: String,
    /// Its site.
    pub site: SiteId,
    /// Its facts, by their keys.
    pub facts: BTreeMap<FactKey, Raw>,
    /// What the rules say of it.
    pub review: Review,
    /// For each fact those it directly follows.
    follows: BTreeMap<FactKey, Vec<FactKey>>,
    /// The place at which the server first heard of it, and when.
    pub arrived: (i64, i64),
}

impl Record {
    /// Its facts of one type.
    pub fn of<'a>(&'a self, t: &'a str) -> impl Iterator<Item = &'a Raw> {
        self.facts.values().filter(move |fact| fact.t == t)
    }

    /// The fact that opened it: the server's, else the first by key.
    pub fn opening(&self) -> &Raw {
        let all = || self.of("created");
        all().find(|fact| fact.is_derived()).or_else(|| all().next()).expect("something opened it")
    }

    /// Whether whoever wrote `later` knew of `earlier`.
    pub fn knew(&self, later: FactKey, earlier: FactKey) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![later];
        while let Some(key) = open.pop() {
            for before in &self.follows[&key] {
                if *before == earlier {
                    return true;
                }
                if seen.insert(*before) {
                    open.push(*before);
                }
            }
        }
        false
    }

    /// Those of `keys` that no other of them knew of.
    pub fn latest(&self, keys: &[FactKey]) -> Vec<FactKey> {
        let known = |key: FactKey| keys.iter().any(|other| self.knew(*other, key));
        keys.iter().copied().filter(|key| !known(*key)).collect()
    }

    /// The value of a field and the fact it comes from; an error where several values stand.
    pub fn field(&self, name: &str) -> Result<Option<(Value, FactKey)>, ()> {
        let writes: Vec<&Raw> = self
            .facts
            .values()
            .filter(|fact| ["set", "resolve"].contains(&fact.t.as_str()) && fact.p["field"] == name)
            .collect();
        let replaced: BTreeSet<String> = writes
            .iter()
            .flat_map(|write| write.p["replaces"].as_array().into_iter().flatten())
            .filter_map(|key| key.as_str().map(str::to_owned))
            .collect();
        let live: Vec<&&Raw> =
            writes.iter().filter(|write| !replaced.contains(&write.key.to_string())).collect();
        match (&live[..], self.of("created").count()) {
            ([], 1) => {
                let opening = self.opening();
                let value = opening.p.get(name).cloned();
                Ok(value.map(|value| (value, opening.key)))
            }
            ([only], 1) => Ok(Some((only.p["value"].clone(), only.key))),
            _ => Err(()),
        }
    }

    /// Whether the field holds what the record was opened with.
    pub fn is_untouched(&self, name: &str) -> bool {
        let touches =
            |fact: &Raw| ["set", "resolve"].contains(&fact.t.as_str()) && fact.p["field"] == name;
        !self.facts.values().any(touches) && self.of("created").count() == 1
    }
}

/// Every record of the server.
pub async fn read(world: &World) -> BTreeMap<RecordId, Record> {
    let app = world.machine.app();
    let rows: Vec<(Vec<u8>, String, u32, i64, i64)> = sqlx::query_as(
        "select r.record, r.kind, r.site, min(c.id), min(c.received_ms)
         from record r join change c on c.record = r.record
         where r.kind is not null group by r.record order by r.record",
    )
    .fetch_all(app.db.reader())
    .await
    .expect("reads");
    let mut all = BTreeMap::new();
    for (id, kind, site, place, arrived_ms) in rows {
        let record = RecordId(id.try_into().expect("16 bytes"));
        let read = app.sync.read(record).await.expect("reads").expect("is there");
        let (stored, sessions, review) = read;
        assert_eq!(kind, review.kind, "the list and the review agree");
        let mut facts = BTreeMap::new();
        for fact in &stored {
            let raw = raw(fact.key, &fact.json, &sessions);
            assert!(facts.insert(fact.key, raw).is_none(), "no fact twice: {record} {}", fact.key);
        }
        let (site, arrived) = (SiteId(site), (place, arrived_ms));
        let follows = follows(&facts);
        all.insert(record, Record { record, kind, site, facts, review, follows, arrived });
    }
    all
}

fn raw(key: FactKey, json: &str, sessions: &SessionRows) -> Raw {
    let value: Value = serde_json::from_str(json).expect("JSON");
    let session = key.session().map(|session| &sessions[&session]);
    let wall_ms = value["w"].as_i64().expect("a clock");
    let (at_ms, verified) = match session {
        Some(row) if row.origin == Origin::Phone => match (row.anchor, value["m"].as_i64()) {
            (Some(anchor), Some(m)) => (anchor.server_ms + m - anchor.monotonic_ms, true),
            _ => (wall_ms, false),
        },
        _ => (wall_ms, true),
    };
    let keys = |list: &Value| -> Vec<FactKey> {
        let keys = list.as_array().into_iter().flatten();
        keys.map(|key| key.as_str().expect("a key").parse().expect("a key")).collect()
    };
    let stated = value.get("said_at").is_some() || value.get("on_behalf_of").is_some();
    Raw {
        key,
        t: value["t"].as_str().expect("a type").to_owned(),
        p: value["p"].clone(),
        at_ms,
        judgeable: verified && !stated,
        after: value.get("after").map(keys),
        writer: session.map(|row| (row.person.0, row.device.0)),
    }
}

/// What each fact follows: what it names, or its writer's own earlier one.
fn follows(facts: &BTreeMap<FactKey, Raw>) -> BTreeMap<FactKey, Vec<FactKey>> {
    let previous = |fact: &Raw| {
        let own = facts.values().filter(|other| {
            other.writer.is_some()
                && other.writer == fact.writer
                && other.key.number() < fact.key.number()
        });
        own.max_by_key(|other| other.key.number()).map(|other| other.key)
    };
    let follows = facts.values().map(|fact| {
        let named = fact.after.clone().unwrap_or_else(|| previous(fact).into_iter().collect());
        let here = named.into_iter().filter(|key| facts.contains_key(key));
        (fact.key, here.collect())
    });
    follows.collect()
}
