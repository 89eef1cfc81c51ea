//! What a salvage writes into the new store, in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use sqlx::AssertSqlSafe;

use super::super::content::{Command, CommandParts, Content as _, IdentityCopy};
use super::super::error::{ROW_DAMAGED, ROW_MISSING};
use super::super::pages::Value;
use super::super::read::fetch;
use super::super::row::PendingState;
use super::super::seal::Sealer;
use super::super::statement::Statement;
use super::super::{Inner, Store, StoreError, StoreWrite};
use super::scan::{CommandName, Found, name};
use super::tables::{
    HAND_OVER, IDENTITY, LIST, LOST, OWN_SESSION, PENDING, PROGRESS, RECORD, REFUSED, SENT, TABLES,
    Table,
};
use super::{LostCommand, Salvaged};
use crate::environment::Hooks;
use crate::model::id::{PersonId, RecordId, SessionId, SiteId};
use crate::model::time::WallMs;

/// What goes into the new store.
pub(super) struct Filling {
    /// Rows as they were sealed, by table.
    rows: Vec<(&'static Table, Vec<Value>)>,
    /// The records that pending commands write to.
    records: BTreeMap<(PersonId, RecordId), SiteId>,
    /// Sessions of pending commands whose rows are gone, and when the first of them was saved.
    sessions: BTreeMap<SessionId, (i64, i64)>,
    lost: BTreeMap<CommandName, Vec<Value>>,
    /// By person the last number, and whether it is known to be the last.
    numbers: BTreeMap<i64, (i64, bool)>,
    salvaged: Salvaged,
}

impl Found {
    /// The second copies of the identities that were found.
    pub(super) fn copies(&self) -> Vec<u8> {
        let copies = self.of_table(&IDENTITY).filter_map(|values| match &values[..] {
            [
                Value::Int(person),
                Value::Int(device),
                Value::Int(wall_ms),
                Value::Blob(sealed),
                ..,
            ] => {
                let first_number = match values.get(4) {
                    Some(Value::Int(first)) => *first,
                    _ => 1,
                };
                Some(IdentityCopy {
                    person: *person,
                    device: *device,
                    enrolled_wall_ms: *wall_ms,
                    first_number,
                    sealed: sealed.clone(),
                    account_from: match values.get(5) {
                        Some(Value::Int(from)) => Some(*from),
                        _ => None,
                    },
                })
            }
            _ => None,
        });
        IdentityCopy::write(&copies.collect::<Vec<_>>())
    }
}

impl Filling {
    pub(super) fn new(found: &Found, sealer: &Sealer, wall_ms: WallMs) -> Self {
        let mut filling = Self {
            rows: Vec::new(),
            records: BTreeMap::new(),
            sessions: BTreeMap::new(),
            lost: BTreeMap::new(),
            numbers: BTreeMap::new(),
            salvaged: Salvaged {
                damaged: PathBuf::new(),
                people: BTreeSet::new(),
                pending: 0,
                hand_overs: 0,
                refused: 0,
                sent: 0,
                lost: Vec::new(),
                damaged_rows: found.damaged.iter().cloned().collect(),
                damaged_pages: found.damaged_pages,
                re_enrol: BTreeSet::new(),
            },
        };
        filling.take_pending(found, sealer);
        for table in TABLES {
            match table {
                // Made anew, or taken with what they are about.
                &PENDING | &RECORD | &PROGRESS => {}
                &LIST => {
                    let own = |values: &&Vec<Value>| filling.is_wanted(values);
                    let rows = found.of_table(table).filter(own).cloned();
                    let rows: Vec<_> = rows.map(|values| (table, values)).collect();
                    filling.rows.extend(rows);
                }
                table => {
                    filling.rows.extend(found.of_table(table).map(|row| (table, row.clone())));
                }
            }
        }
        filling.take_lost(found, wall_ms);
        filling.take_numbers(found);
        filling
    }

    /// Whether a row is about a record that a pending command writes to.
    fn is_wanted(&self, values: &[Value]) -> bool {
        record_of(values, 1).is_some_and(|name| self.records.contains_key(&name))
    }

    fn take_pending(&mut self, found: &Found, sealer: &Sealer) {
        let sites: BTreeMap<_, _> = found
            .of_table(&RECORD)
            .filter_map(|values| Some((record_of(values, 1)?, site(values.get(2)?)?)))
            .collect();
        let sessions: BTreeSet<&str> =
            found.of_table(&OWN_SESSION).filter_map(|values| text(values.get(1)?)).collect();
        for values in found.of_table(&PENDING) {
            let Some(parts) = opened(values, sealer) else { continue };
            let Some(record) = record_of(values, 2) else { continue };
            let mut values = values.clone();
            let is_state = |value: &Value| text(value).and_then(PendingState::from_code).is_some();
            if !values.get(3).is_some_and(is_state) {
                values[3] = Value::Text(PendingState::Unsent.code().to_owned());
            }
            let created = parts.facts.iter().find_map(|fact| site_of(&fact.json));
            let known = created.or_else(|| sites.get(&record).copied());
            let of_owner = || {
                let other = sites.iter().find(|((owner, _), _)| *owner == record.0);
                other.map_or(SiteId(0), |(_, site)| *site)
            };
            // A delivery of the record says better.
            self.records.entry(record).or_insert_with(|| known.unwrap_or_else(of_owner));
            let actor = values.get(6).and_then(text).and_then(|text| text.parse().ok());
            let named = parts.facts.iter().filter_map(|fact| fact.key.session());
            for session in named.chain(actor) {
                if !sessions.contains(session.to_string().as_str()) {
                    let saved_ms = number(values.get(5));
                    let (_, first_ms) =
                        self.sessions.entry(session).or_insert((number(values.first()), saved_ms));
                    *first_ms = saved_ms.min(*first_ms);
                }
            }
            self.rows.push((&PENDING, values));
        }
    }

    fn take_lost(&mut self, found: &Found, wall_ms: WallMs) {
        let row = |(owner, n): CommandName, record, saved_ms, state: &str, code: &str, remains| {
            vec![
                Value::Int(owner),
                Value::Int(n),
                record,
                saved_ms,
                Value::Text(state.to_owned()),
                Value::Text(code.to_owned()),
                Value::Int(wall_ms),
                remains,
            ]
        };
        for (name, values) in &found.unopened {
            let state = values.get(3).and_then(text).and_then(PendingState::from_code);
            let state = state.unwrap_or(PendingState::Unsent).code();
            let record = record_of(values, 2).map(|(_, record)| Value::Text(record.to_string()));
            let record = record.or_else(|| named(found, *name)).unwrap_or(Value::Null);
            let remains = values.get(10).cloned().unwrap_or(Value::Null);
            let saved_ms = values.get(5).cloned().unwrap_or(Value::Null);
            self.lost.insert(*name, row(*name, record, saved_ms, state, ROW_DAMAGED, remains));
        }
        for (name, record) in &found.named {
            let record = Value::Text(record.to_string());
            let missing = row(*name, record, Value::Null, "unsent", ROW_MISSING, Value::Null);
            self.lost.entry(*name).or_insert(missing);
        }
        // What was sent or refused since is not lost.
        let known: BTreeSet<CommandName> = [&SENT, &REFUSED, &LOST]
            .into_iter()
            .flat_map(|table| found.of_table(table))
            .filter_map(|values| self::name(values))
            .collect();
        self.lost.retain(|name, _| !known.contains(name) && name.0 > 0 && name.1 > 0);
    }

    fn take_numbers(&mut self, found: &Found) {
        for values in found.of_table(&PROGRESS) {
            let number = values.get(3).map_or(0, |n| number(Some(n)));
            self.numbers.insert(number_of_owner(values), (number, true));
        }
        let tables = [&PENDING, &SENT, &REFUSED, &LOST];
        let rows = tables.into_iter().flat_map(|table| found.of_table(table));
        let used = rows.filter_map(|values| name(values)).chain(self.lost.keys().copied());
        for (owner, n) in used {
            let (highest, _) = self.numbers.entry(owner).or_insert((0, false));
            *highest = n.max(*highest);
        }
        for values in found.of_table(&IDENTITY) {
            self.numbers.entry(number_of_owner(values)).or_insert((0, false));
        }
    }

    /// Writes it.
    pub(super) async fn into_store(
        mut self,
        store: &Store,
        hooks: &dyn Hooks,
    ) -> Result<Salvaged, StoreError> {
        let mut inner = store.lock().await?;
        let mut statements = Vec::new();
        for (table, values) in std::mem::take(&mut self.rows) {
            let columns = inner.columns(table.name).await?;
            statements.push(insert(table.name, &columns, &values));
        }
        for values in self.lost.values() {
            let columns = inner.columns(LOST.name).await?;
            statements.push(insert(LOST.name, &columns, values));
        }
        let records = self.records.iter().map(|((owner, record), site)| StoreWrite::PutRecord {
            owner: *owner,
            record: *record,
            site: *site,
            present: true,
            attestation: None,
            parked: None,
        });
        let records: Vec<StoreWrite> = records.collect();
        statements.extend(super::super::statement::statements(&inner.sealer, &records)?);
        for (session, (owner, first_ms)) in &self.sessions {
            // Times that nobody knows any more are unverified ones.
            let put = "insert or ignore into own_session (session, person, device, boot, \
                 opened_wall_ms, opened_monotonic_ms, registered) values (?1, ?2, \
                 coalesce((select device from identity where person = ?2), 0), zeroblob(16), ?3, \
                 0, 0)";
            statements
                .push(Statement::new(put).bind(session.to_string()).bind(*owner).bind(*first_ms));
        }
        for (owner, (highest, known)) in &self.numbers {
            let put = "insert into progress (owner, highest_number, re_enrol) values (?, ?, ?)";
            statements.push(Statement::new(put).bind(*owner).bind(*highest).bind(!known));
        }
        inner.run(hooks, "salvage", statements).await?;
        self.count(&mut inner).await
    }

    async fn count(self, inner: &mut Inner) -> Result<Salvaged, StoreError> {
        let mut salvaged = self.salvaged;
        salvaged.pending = inner.rows_of(PENDING.name).await?;
        salvaged.hand_overs = inner.rows_of(HAND_OVER.name).await?;
        salvaged.refused = inner.rows_of(REFUSED.name).await?;
        salvaged.sent = inner.rows_of(SENT.name).await?;
        let copies = inner.identity_copies().await?;
        salvaged.people = copies.iter().filter_map(|copy| person(copy.person)).collect();
        let unknown = self.numbers.iter().filter(|(_, (_, known))| !known);
        salvaged.re_enrol = unknown.filter_map(|(owner, _)| person(*owner)).collect();
        let lost = self.lost.iter().filter_map(|((owner, n), values)| {
            Some(LostCommand {
                owner: person(*owner)?,
                n: u64::try_from(*n).ok()?,
                record: record_of(values, 2).map(|(_, record)| record),
            })
        });
        salvaged.lost = lost.collect();
        Ok(salvaged)
    }
}

impl Inner {
    /// The columns of a table, in their order.
    async fn columns(&mut self, table: &'static str) -> Result<Vec<String>, StoreError> {
        let select = sqlx::query_scalar("select name from pragma_table_info(?) order by cid");
        Ok(select.bind(table).fetch_all(&mut self.connection).await?)
    }

    async fn rows_of(&mut self, table: &'static str) -> Result<u64, StoreError> {
        let count = AssertSqlSafe(format!("select 1 from {table}"));
        Ok(fetch(&mut self.connection, Statement::new(count)).await?.len() as u64)
    }
}

/// A row as it is; one that is there already, or that the schema does not take, is left out.
fn insert(table: &str, columns: &[String], values: &[Value]) -> Statement {
    let values = &values[..values.len().min(columns.len())];
    let names = columns[..values.len()].join(", ");
    let places = vec!["?"; values.len()].join(", ");
    let sql = format!("insert or ignore into {table} ({names}) values ({places})");
    values.iter().fold(Statement::new(AssertSqlSafe(sql)), |statement, value| match value {
        Value::Null | Value::Real => statement.bind(None::<i64>),
        Value::Int(number) => statement.bind(*number),
        Value::Text(text) => statement.bind(text.clone()),
        Value::Blob(bytes) => statement.bind(bytes.clone()),
    })
}

fn opened(values: &[Value], sealer: &Sealer) -> Option<CommandParts> {
    let Value::Blob(sealed) = values.get(10)? else { return None };
    let content = sealer.open(PENDING.name, &PENDING.row_name(values), sealed).ok()?;
    Command::from_bytes(&content)?.into_parts()
}

/// The site that a fact which opens its record names.
fn site_of(json: &str) -> Option<SiteId> {
    let fact: serde_json::Value = serde_json::from_str(json).ok()?;
    let site = fact["p"]["site"].as_u64().filter(|_| fact["t"] == "created")?;
    u32::try_from(site).ok().map(SiteId)
}

fn named(found: &Found, name: CommandName) -> Option<Value> {
    found.named.get(&name).map(|record| Value::Text(record.to_string()))
}

/// The owner in the first column and the record in column `at`.
fn record_of(values: &[Value], at: usize) -> Option<(PersonId, RecordId)> {
    let record = values.get(at).and_then(text)?.parse().ok()?;
    Some((person(number(values.first()))?, record))
}

fn person(number: i64) -> Option<PersonId> {
    u32::try_from(number).ok().map(PersonId)
}

fn site(value: &Value) -> Option<SiteId> {
    u32::try_from(number(Some(value))).ok().map(SiteId)
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn number(value: Option<&Value>) -> i64 {
    match value {
        Some(Value::Int(number)) => *number,
        _ => 0,
    }
}

fn number_of_owner(values: &[Value]) -> i64 {
    number(values.first())
}
