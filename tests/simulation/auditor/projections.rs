//! The rows that lists and searches read say what the reviews say, and links lead both ways.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sqlx::{Column as _, Row as _, TypeInfo as _, ValueRef as _};
use sync_core::model::id::RecordId;
use sync_core::rules::{links, open_keys, projection, waits_for};

use super::super::world::World;
use super::Audit;
use super::facts::Record;

/// Lists, and the kinds that stand in them; none is every kind without a list of its own.
const LISTS: [(&str, Option<&str>); 8] = [
    ("work_order", Some("work_order")),
    ("contact_card", Some("contact")),
    ("patrol_plan", Some("patrol_plan")),
    ("patrol_round", Some("patrol_round")),
    ("alarm", Some("alarm")),
    ("violation", Some("violation")),
    ("paid_service", Some("paid_service")),
    ("record_card", None),
];

/// Compares every row.
pub async fn audit(world: &World, records: &BTreeMap<RecordId, Record>, audit: &mut Audit) {
    for (table, kind) in LISTS {
        let rows = rows(world, table).await;
        let has_list = ["work_order", "contact", "patrol_plan", "patrol_round", "alarm"];
        let belongs = |record: &&Record| match kind {
            Some(kind) => record.kind == kind,
            None => !has_list.contains(&record.kind.as_str()),
        };
        let wanted: BTreeSet<RecordId> =
            records.values().filter(belongs).map(|record| record.record).collect();
        let there: BTreeSet<RecordId> = rows.keys().copied().collect();
        assert_eq!(there, wanted, "the rows of {table}");
        for (id, row) in rows {
            let says = says(&records[&id]);
            // When retention looks at it next is no view of the record.
            for (column, value) in row.into_iter().filter(|(column, _)| column != "look_ms") {
                let expected = says.get(&column).unwrap_or_else(|| panic!("{table}.{column}"));
                assert_eq!(value, *expected, "{table}.{column} of {id}");
            }
            audit.rows += 1;
        }
    }
    keys(world, records).await;
    all_links(world, records).await;
}

/// What each column has to say of a record.
fn says(record: &Record) -> BTreeMap<String, Value> {
    let row = projection(&record.review);
    let Value::Object(members) = serde_json::to_value(&row).expect("writes") else { panic!() };
    let mut says: BTreeMap<String, Value> = members.into_iter().collect();
    let (visited, checkpoints) = row.coverage.unwrap_or_default();
    let subject = json!(row.subject);
    for name in ["patrol", "alarm", "violation"] {
        says.insert(name.to_owned(), subject.clone());
    }
    for (name, value) in [
        ("site", json!(record.site)),
        ("status", json!(row.status.code())),
        ("month", json!(row.title)),
        ("place", json!(row.unit)),
        ("officer", json!(row.assignee)),
        ("plan", json!(row.origin)),
        ("round", json!(row.origin)),
        ("visited", json!(visited)),
        ("checkpoints", json!(checkpoints)),
        ("building_group", json!(row.group)),
        ("stated_afterwards", json!(i64::from(row.stated_afterwards))),
    ] {
        says.insert(name.to_owned(), value);
    }
    says
}

/// A table's rows, column by column, ids as they are shown.
async fn rows(world: &World, table: &str) -> BTreeMap<RecordId, Vec<(String, Value)>> {
    let statement = sqlx::AssertSqlSafe(format!("select * from {table}"));
    let rows =
        sqlx::query(statement).fetch_all(world.machine.app().db.reader()).await.expect("reads");
    let mut all = BTreeMap::new();
    for row in rows {
        let mut columns = Vec::new();
        let mut id = None;
        for column in row.columns() {
            let name = column.name();
            let raw = row.try_get_raw(name).expect("a column");
            let value = match (raw.is_null(), raw.type_info().name()) {
                (true, _) => Value::Null,
                (_, "BLOB") => {
                    let bytes: Vec<u8> = row.get(name);
                    json!(RecordId(bytes.try_into().expect("16 bytes")))
                }
                (_, "TEXT") => json!(row.get::<String, _>(name)),
                _ => json!(row.get::<i64, _>(name)),
            };
            if name == "record" {
                id = value.as_str().and_then(|text| text.parse().ok());
            }
            columns.push((name.to_owned(), value));
        }
        all.insert(id.expect("a record"), columns);
    }
    all
}

/// Customers' keys that are out.
async fn keys(world: &World, records: &BTreeMap<RecordId, Record>) {
    let rows: Vec<(Vec<u8>, String, bool)> =
        sqlx::query_as("select record, received, used from open_key order by record, received")
            .fetch_all(world.machine.app().db.reader())
            .await
            .expect("reads");
    let there: BTreeSet<(Vec<u8>, String, bool)> = rows.into_iter().collect();
    let open = records.values().flat_map(|record| open_keys(&record.review));
    let open = open.map(|key| (key.record.0.to_vec(), key.received.to_string(), key.used));
    assert_eq!(there, open.collect(), "the keys that are out");
    for record in records.values() {
        let count = |t: &str| record.of(t).count();
        let out = count("key_received").saturating_sub(count("key_returned"));
        assert!(open_keys(&record.review).len() >= out, "the keys of {}", record.record);
    }
}

/// Every link, from both of its ends.
async fn all_links(world: &World, records: &BTreeMap<RecordId, Record>) {
    let rows: Vec<(Vec<u8>, String, Vec<u8>, bool)> =
        sqlx::query_as("select record, field, target, waits from link")
            .fetch_all(world.machine.app().db.reader())
            .await
            .expect("reads");
    let id = |bytes: Vec<u8>| RecordId(bytes.try_into().expect("16 bytes"));
    let there: BTreeSet<(RecordId, String, RecordId, bool)> = rows
        .into_iter()
        .map(|(record, field, target, waits)| (id(record), field, id(target), waits))
        .collect();
    let mut expected = BTreeSet::new();
    for record in records.values() {
        let waiting = waits_for(&record.review);
        for link in links(&record.review) {
            let waits = link.field == "attached_to" && waiting.contains(&link.target);
            expected.insert((record.record, link.field, link.target, waits));
        }
    }
    assert_eq!(there, expected, "the links");
    for (record, field, target, _) in there {
        let from = world.machine.app().sync.links(record).await.expect("reads");
        let back = world.machine.app().sync.links(target).await.expect("reads");
        assert!(from.names.iter().any(|link| link.field == field && link.record == target));
        assert!(back.named_by.iter().any(|link| link.field == field && link.record == record));
    }
}
