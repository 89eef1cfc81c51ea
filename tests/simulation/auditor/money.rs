//! The money account, from the raw facts: what was charged is at the desk or still out, what came
//! to the desk stands in a hand-over or is told of at the day's end, and no fen comes or goes.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::model::id::{FactKey, RecordId};
use sync_core::rules::{Details, MoneyAccount};

use super::super::days::day;
use super::super::world::World;
use super::Audit;
use super::facts::{Raw, Record};

/// Money that came to the desk or left it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    kind: &'static str,
    at_ms: i64,
    fen: i64,
    method: String,
}

/// Where an entry or a line of a hand-over stands: the order, the fact, and which way it went.
type Place = (RecordId, FactKey, &'static str);

/// Compares every order, every count and the drawer as a whole.
pub async fn audit(world: &World, records: &BTreeMap<RecordId, Record>, audit: &mut Audit) {
    let mut entries: BTreeMap<(RecordId, FactKey), Entry> = BTreeMap::new();
    for record in records.values().filter(|record| is_order(record)) {
        order(record, audit);
        for (fact, entry) in cash(record) {
            entries.insert((record.record, fact), entry);
        }
    }
    assert_eq!(stored_entries(world).await, entries, "the desk's entries are the facts'");
    let mut lines: BTreeMap<(RecordId, Place), i64> = BTreeMap::new();
    for record in records.values().filter(|record| record.kind == "hand_over") {
        lines.extend(hand_over(record, audit));
    }
    drawer(&entries, &lines);
    told_at_day_end(world, &entries, &lines).await;
}

fn is_order(record: &Record) -> bool {
    ["work_order", "paid_service"].contains(&record.kind.as_str())
}

/// The sums of one order.
fn order(record: &Record, audit: &mut Audit) {
    let sum = |facts: Vec<&Raw>| facts.iter().map(|fact| fact.whole("amount_fen")).sum::<i64>();
    let charges: Vec<&Raw> = record.of("charged").collect();
    let is_charge = |fact: &&Raw| {
        let charge: FactKey = fact.id("charge").expect("a key");
        charges.iter().any(|charged| charged.key == charge)
    };
    let charged_fen = sum(charges.clone());
    let handed_in_fen = sum(record.of("handed_in").filter(is_charge).collect());
    let expected = MoneyAccount {
        charged_fen,
        handed_in_fen,
        out_fen: charged_fen - handed_in_fen,
        invoiced_fen: sum(record.of("invoiced").filter(is_charge).collect()),
        refunded_fen: sum(record.of("refunded").collect()),
    };
    assert_eq!(record.review.money.account(), expected, "the account of {}", record.record);
    let delivered: BTreeSet<FactKey> =
        record.of("invoice_delivered").filter_map(|fact| fact.id("invoice")).collect();
    for invoice in &record.review.money.invoices {
        assert_eq!(invoice.delivered, delivered.contains(&invoice.key), "{}", record.record);
    }
    quotes(record);
    audit.fen += charged_fen.unsigned_abs();
}

/// A quote is accepted or declined only by a fact that says so.
fn quotes(record: &Record) {
    let of = |t: &str| -> BTreeSet<FactKey> {
        record.facts.values().filter(|f| f.t == t).filter_map(|fact| fact.id("quote")).collect()
    };
    let (accepted, declined) = (of("quote_accepted"), of("quote_declined"));
    assert_eq!(record.review.money.quotes.len(), record.of("quoted").count());
    for quote in &record.review.money.quotes {
        let said = match quote.accepted {
            Some(true) => accepted.contains(&quote.key),
            Some(false) => declined.contains(&quote.key),
            None => !accepted.contains(&quote.key) && !declined.contains(&quote.key),
        };
        assert!(said, "{} of {}: {accepted:?} {declined:?}", quote.key, record.record);
    }
}

/// The entries of an order.
fn cash(record: &Record) -> Vec<(FactKey, Entry)> {
    let methods: BTreeMap<FactKey, String> = record
        .of("charged")
        .map(|fact| (fact.key, fact.p["method"].as_str().expect("a method").to_owned()))
        .collect();
    let handed = record.of("handed_in").filter_map(|fact| {
        let method = methods.get(&fact.id("charge")?)?.clone();
        Some((fact.key, entry("handed_in", fact, method)))
    });
    let refunded = record.of("refunded").map(|fact| {
        let method = fact.p["method"].as_str().expect("a method").to_owned();
        (fact.key, entry("refunded", fact, method))
    });
    handed.chain(refunded).collect()
}

fn entry(kind: &'static str, fact: &Raw, method: String) -> Entry {
    Entry { kind, at_ms: fact.at_ms, fen: fact.whole("amount_fen"), method }
}

async fn stored_entries(world: &World) -> BTreeMap<(RecordId, FactKey), Entry> {
    let rows: Vec<(Vec<u8>, String, String, i64, i64, String)> =
        sqlx::query_as("select record, fact, kind, at_ms, amount_fen, method from cash_entry")
            .fetch_all(world.machine.app().db.reader())
            .await
            .expect("reads");
    let row = |(record, fact, kind, at_ms, fen, method): (Vec<u8>, String, String, _, _, _)| {
        let record = RecordId(record.try_into().expect("16 bytes"));
        let entry = Entry { kind: way(&kind), at_ms, fen, method };
        ((record, fact.parse().expect("a key")), entry)
    };
    rows.into_iter().map(row).collect()
}

fn way(kind: &str) -> &'static str {
    if kind == "handed_in" { "handed_in" } else { "refunded" }
}

/// The counts of a hand-over that no later count knew of, and their lines.
fn hand_over(record: &Record, audit: &mut Audit) -> Vec<((RecordId, Place), i64)> {
    let keys: Vec<FactKey> = record.of("cash_counted").map(|fact| fact.key).collect();
    let standing: BTreeSet<FactKey> = record.latest(&keys).into_iter().collect();
    let Some(Details::HandOver(shift)) = &record.review.details else { panic!("a hand-over") };
    let counted: BTreeSet<FactKey> = shift.counts.iter().map(|count| count.key).collect();
    assert_eq!(counted, standing, "the counts that stand in {}", record.record);
    let mut lines = Vec::new();
    for count in &shift.counts {
        let fact = &record.facts[&count.key];
        let list = |name: &str, kind: &'static str| -> Vec<(Place, i64)> {
            let all = fact.p[name].as_array().into_iter().flatten();
            let line = |line: &serde_json::Value| {
                let id = |member: &str| line[member].as_str().expect("an id");
                let order = id("record").parse().expect("a record");
                let fen = line["amount_fen"].as_i64().expect("fen");
                ((order, id("fact").parse().expect("a key"), kind), fen)
            };
            all.map(line).collect()
        };
        let (takings, payouts) = (list("takings", "handed_in"), list("payouts", "refunded"));
        let sum = |lines: &[(Place, i64)]| lines.iter().map(|(_, fen)| fen).sum::<i64>();
        let expected_fen = fact.whole("opening_fen") + sum(&takings) - sum(&payouts);
        let difference_fen = fact.whole("counted_fen") - expected_fen;
        assert_eq!(count.account.takings_fen, sum(&takings), "{}", record.record);
        assert_eq!(count.account.payouts_fen, sum(&payouts), "{}", record.record);
        assert_eq!(count.account.expected_fen, expected_fen, "{}", record.record);
        assert_eq!(count.account.difference_fen, difference_fen, "{}", record.record);
        let mut cases = record.review.cases.iter();
        let is_case = cases
            .any(|case| case.kind == "cash_not_balanced" && case.rests_on.contains(&count.key));
        assert_eq!(is_case, difference_fen != 0, "a case of {}", record.record);
        audit.counts += 1;
        let all = takings.into_iter().chain(payouts);
        lines.extend(all.map(|(place, fen)| ((record.record, place), fen)));
    }
    lines
}

/// All the cash there is stands in hand-overs or in none, and none of it twice or never.
fn drawer(
    entries: &BTreeMap<(RecordId, FactKey), Entry>,
    lines: &BTreeMap<(RecordId, Place), i64>,
) {
    use sync_core::model::hand_over::CashLine;
    use sync_core::model::work_order::PaymentMethod;
    use sync_core::rules::cash::{CashEntry, CashKind, Listed, reconcile};
    let kind = |way: &str| match way {
        "handed_in" => CashKind::HandedIn,
        _ => CashKind::Refunded,
    };
    let cash = entries.iter().filter(|(_, entry)| entry.method == "cash");
    let there: Vec<CashEntry> = cash
        .map(|((record, fact), entry)| CashEntry {
            record: *record,
            fact: *fact,
            kind: kind(entry.kind),
            at_ms: entry.at_ms,
            amount_fen: entry.fen,
            method: PaymentMethod::Cash,
        })
        .collect();
    let listed: Vec<Listed> = lines
        .iter()
        .map(|((hand_over, (record, fact, way)), fen)| Listed {
            hand_over: *hand_over,
            kind: kind(way),
            line: CashLine { record: *record, fact: *fact, amount_fen: *fen },
        })
        .collect();
    let result = reconcile(&there, &listed);
    let naive = |entry: &CashEntry| {
        let mut of_it = lines.iter().filter(|((_, (record, fact, way)), _)| {
            (*record, *fact, kind(way)) == (entry.record, entry.fact, entry.kind)
        });
        match (of_it.next(), of_it.next()) {
            (None, _) => "unaccounted",
            (Some((_, fen)), None) if *fen == entry.amount_fen => "accounted",
            _ => "disputed",
        }
    };
    assert!(result.accounted.iter().all(|entry| naive(entry) == "accounted"));
    assert!(result.unaccounted.iter().all(|entry| naive(entry) == "unaccounted"));
    assert!(result.disputed.iter().all(|(entry, _)| naive(entry) == "disputed"));
    let fen = |entries: &[CashEntry]| entries.iter().map(|entry| entry.amount_fen).sum::<i64>();
    let disputed: Vec<CashEntry> = result.disputed.iter().map(|(entry, _)| *entry).collect();
    let parts = fen(&result.accounted) + fen(&result.unaccounted) + fen(&disputed);
    assert_eq!(parts, fen(&there), "no fen comes or goes");
}

/// Cash of a day that is over and in no hand-over is in one open case of that day, and only that.
async fn told_at_day_end(
    world: &World,
    entries: &BTreeMap<(RecordId, FactKey), Entry>,
    lines: &BTreeMap<(RecordId, Place), i64>,
) {
    let rows: Vec<(Vec<u8>, String, String, Option<i64>)> = sqlx::query_as(
        "select u.record, u.fact, u.day, d.closed_ms
         from cash_unaccounted u join desk_case d on d.id = u.desk_case",
    )
    .fetch_all(world.machine.app().db.reader())
    .await
    .expect("reads");
    let mut told: BTreeMap<(RecordId, FactKey), (String, bool)> = BTreeMap::new();
    for (record, fact, day, closed_ms) in rows {
        let record = RecordId(record.try_into().expect("16 bytes"));
        let key = (record, fact.parse().expect("a key"));
        assert!(told.insert(key, (day, closed_ms.is_none())).is_none(), "told once");
    }
    let today = day(world.now_ms());
    for ((record, fact), entry) in entries {
        let listed = lines.keys().any(|(_, place)| *place == (*record, *fact, entry.kind));
        let case = told.get(&(*record, *fact));
        if entry.method == "cash" && day(entry.at_ms) < today && !listed {
            let (of_day, open) = case.unwrap_or_else(|| panic!("{record} {fact} is told of"));
            assert_eq!(*of_day, day(entry.at_ms), "{record} {fact}");
            assert!(open, "{record} {fact} stands in no hand-over, and its case is open");
        }
        if let Some((of_day, _)) = case {
            assert!(entry.method == "cash" && *of_day < today, "{record} {fact} {of_day}");
        }
    }
    assert!(told.keys().all(|key| entries.contains_key(key)), "nothing is told of that is not");
}
