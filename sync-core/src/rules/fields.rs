//! Fields: written by `set`, in conflict when two values are unreplaced, settled only by
//! `resolve`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::order::Causality;
use super::time::fact_time;
use crate::model::canonical;
use crate::model::fact::Fact;
use crate::model::id::{FactKey, PersonId};
use crate::model::payload::{Created, GeneralFact, Payload};
use crate::model::session::{Origin, SessionRows};
use crate::model::time::WallMs;

/// A field as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// The value that holds.
    pub value: Value,
    /// The fact it comes from; none for a value that nobody wrote.
    pub key: Option<FactKey>,
    /// The unreplaced values, when there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflict: Vec<FieldValue>,
}

/// One of several unreplaced values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldValue {
    /// The value.
    pub value: Value,
    /// The fact that wrote it.
    pub key: FactKey,
    /// Who.
    pub by: Option<PersonId>,
    /// When.
    pub at_ms: WallMs,
    /// Whether the time is verified.
    pub verified: bool,
    /// Written in the office.
    pub office: bool,
}

/// Fields where one office value among several holds until somebody decides.
const OFFICE_HOLDS: [&str; 3] = ["assignee", "appointment", "priority"];

/// So often one value is looked for among those that stand; nobody honest says it more often.
const SAME_VALUES_MAX: usize = 64;

struct Write<'a> {
    value: &'a Value,
    replaces: BTreeSet<FactKey>,
    is_resolve: bool,
}

/// The fields of a record: the members of `created` and everything `set` and `resolve` wrote.
pub fn fields(causality: &Causality<'_>, sessions: &SessionRows) -> BTreeMap<String, Field> {
    let mut writes: BTreeMap<String, BTreeMap<FactKey, Write<'_>>> = BTreeMap::new();
    let by_key: BTreeMap<FactKey, &Fact> =
        causality.facts.iter().map(|fact| (fact.key, *fact)).collect();
    for fact in &causality.facts {
        let Payload::General(general) = &fact.payload else { continue };
        let (field, write) = match general {
            // A plain set may replace one value only; what else it names is left unreplaced.
            GeneralFact::Set(set) => (
                &set.field,
                Write {
                    value: &set.value,
                    replaces: set.replaces.iter().take(1).copied().collect(),
                    is_resolve: false,
                },
            ),
            GeneralFact::Resolve(resolve) => (
                &resolve.field,
                Write {
                    value: &resolve.value,
                    replaces: resolve.replaces.iter().copied().collect(),
                    is_resolve: true,
                },
            ),
            _ => continue,
        };
        writes.entry(field.clone()).or_default().insert(fact.key, write);
    }
    let mut fields = created_fields(causality, sessions);
    for (name, writes) in writes {
        let initial = fields.remove(&name);
        let field = fold(&name, &writes, initial, causality, &by_key, sessions);
        fields.insert(name, field);
    }
    fields
}

// R8.7
fn fold(
    name: &str,
    writes: &BTreeMap<FactKey, Write<'_>>,
    initial: Option<Field>,
    causality: &Causality<'_>,
    by_key: &BTreeMap<FactKey, &Fact>,
    sessions: &SessionRows,
) -> Field {
    let replaced = replaced(writes, causality);
    let mut live: Vec<FactKey> =
        writes.keys().filter(|key| !replaced.contains(key)).copied().collect();
    if live.is_empty() {
        // Only a cycle of replacements leaves nothing; nobody honest writes one.
        live = writes.keys().copied().collect();
    }
    // Several `created` that differ are values like any other, until something replaces them.
    let initial_conflict = initial.as_ref().map(|field| field.conflict.clone()).unwrap_or_default();
    let value = |key: FactKey| describe(by_key[&key], writes[&key].value, sessions);
    if let Some(only) = one_value(&live, writes, causality) {
        let settled = initial_conflict.is_empty() || writes.values().any(|write| write.is_resolve);
        let conflict = if settled { Vec::new() } else { with(initial_conflict, value(only)) };
        return Field { value: writes[&only].value.clone(), key: Some(only), conflict };
    }
    let mut conflict: Vec<FieldValue> = live.iter().map(|key| value(*key)).collect();
    conflict.sort_by_key(|value| value.key);
    let office: Vec<FactKey> =
        conflict.iter().filter(|value| value.office).map(|value| value.key).collect();
    if OFFICE_HOLDS.contains(&name)
        && let Some(only) = one_value(&office, writes, causality)
    {
        return Field { value: writes[&only].value.clone(), key: Some(only), conflict };
    }
    match common_ancestor(&live, writes, causality) {
        Some(key) => Field { value: writes[&key].value.clone(), key: Some(key), conflict },
        None => Field {
            value: initial.as_ref().map_or(Value::Null, |field| field.value.clone()),
            key: initial.and_then(|field| field.key),
            conflict,
        },
    }
}

/// The facts whose values no longer stand: what a write names, and beside it what holds the very
/// same value as far as its writer knew, since that is one value said twice.
fn replaced(writes: &BTreeMap<FactKey, Write<'_>>, causality: &Causality<'_>) -> BTreeSet<FactKey> {
    let mut replaced: BTreeSet<FactKey> =
        writes.values().flat_map(|write| write.replaces.iter().copied()).collect();
    let mut standing: BTreeMap<String, Vec<FactKey>> = BTreeMap::new();
    for (key, write) in writes.iter().filter(|(key, _)| !replaced.contains(key)) {
        let same = standing.entry(write.value.to_string()).or_default();
        if same.len() < SAME_VALUES_MAX {
            same.push(*key);
        }
    }
    for (later, write) in writes {
        let named = write.replaces.iter().filter_map(|named| writes.get(named));
        let values: BTreeSet<String> = named.map(|named| named.value.to_string()).collect();
        for same in values.iter().filter_map(|value| standing.get(value)) {
            replaced.extend(same.iter().filter(|key| causality.is_before(**key, *later)));
        }
    }
    replaced
}

/// The first in causal order of facts that all hold the same value: two people who wrote the same
/// do not contradict one another.
fn one_value(
    keys: &[FactKey],
    writes: &BTreeMap<FactKey, Write<'_>>,
    causality: &Causality<'_>,
) -> Option<FactKey> {
    let value = writes.get(keys.first()?)?.value;
    if !keys.iter().all(|key| writes[key].value == value) {
        return None;
    }
    causality.facts.iter().map(|fact| fact.key).find(|key| keys.contains(key))
}

fn with(mut values: Vec<FieldValue>, value: FieldValue) -> Vec<FieldValue> {
    values.push(value);
    values
}

/// The latest value that every live one replaced, directly or through others.
fn common_ancestor(
    live: &[FactKey],
    writes: &BTreeMap<FactKey, Write<'_>>,
    causality: &Causality<'_>,
) -> Option<FactKey> {
    let ancestors = |start: FactKey| {
        let mut seen = BTreeSet::new();
        let mut open = vec![start];
        while let Some(key) = open.pop() {
            for earlier in writes.get(&key).into_iter().flat_map(|write| &write.replaces) {
                if writes.contains_key(earlier) && seen.insert(*earlier) {
                    open.push(*earlier);
                }
            }
        }
        seen
    };
    let mut common: Option<BTreeSet<FactKey>> = None;
    for key in live {
        let own = ancestors(*key);
        common = Some(common.map_or_else(|| own.clone(), |common| &common & &own));
    }
    let common = common?;
    causality.facts.iter().rev().map(|fact| fact.key).find(|key| common.contains(key))
}

fn describe(fact: &Fact, value: &Value, sessions: &SessionRows) -> FieldValue {
    let row = fact.key.session().and_then(|session| sessions.get(&session));
    let time = fact_time(fact, sessions);
    FieldValue {
        value: value.clone(),
        key: fact.key,
        by: row.map(|row| row.person),
        at_ms: time.at_ms,
        verified: time.verified,
        office: row.is_none_or(|row| row.origin == Origin::Office),
    }
}

/// Members of `created`. Several are compared without schema and cause: equal ones are one; of
/// different ones the members that differ are conflicts. Until somebody resolves it, what the
/// server wrote by a rule holds, else the first in causal order, ties by key; kind and site are
/// always those of the first in causal order (ingest lets no other into the record, whose id they
/// make), the schema is the largest.
fn created_fields(causality: &Causality<'_>, sessions: &SessionRows) -> BTreeMap<String, Field> {
    let mut fields: BTreeMap<String, Field> = BTreeMap::new();
    let mut all: Vec<(&Fact, &Created)> = Vec::new();
    for fact in &causality.facts {
        if let Payload::General(GeneralFact::Created(created)) = &fact.payload {
            all.push((fact, created));
        }
    }
    // What follows from the plan is what was planned, whatever somebody opened the round with.
    all.sort_by_key(|(fact, _)| fact.key.session().is_some());
    let names: BTreeSet<&String> = all.iter().flat_map(|(_, c)| c.content.keys()).collect();
    for name in names {
        let mut values: Vec<(FieldValue, String)> = Vec::new();
        for (fact, created) in &all {
            // A schema that does not know the member says nothing about it.
            let Some(value) = created.content.get(name) else { continue };
            let text = canonical::write(value).unwrap_or_default();
            if !values.iter().any(|(_, other)| *other == text) {
                values.push((describe(fact, value, sessions), text));
            }
        }
        let Some((first, _)) = values.first().cloned() else { continue };
        let conflict = if values.len() > 1 {
            values.into_iter().map(|(value, _)| value).collect()
        } else {
            Vec::new()
        };
        fields.insert(name.clone(), Field { value: first.value, key: Some(first.key), conflict });
    }
    fields
}
