//! The server's account of each day against what the phones really saved: every number is of one
//! day, the days are all of it, a verified day is the day it was written on, and what came for a
//! day that was closed stands in a case.

use std::collections::{BTreeMap, BTreeSet};

use fieldbook_server::sync::account_day::{self, LATE};
use sync_core::model::id::{DeviceId, RecordId, SiteId};
use sync_core::rules::account::Equation;

use super::super::AllSaved;
use super::super::acting::Saved;
use super::super::days::{self, DAY_MS};
use super::super::world::{Phone, World};
use super::Audit;
use super::facts::Record;

/// A number's row.
struct Row {
    site: u32,
    day: String,
    dated: String,
    case: Option<i64>,
}

/// Compares the account with the phones.
pub async fn audit(
    world: &World,
    records: &BTreeMap<RecordId, Record>,
    saved: &AllSaved,
    audit: &mut Audit,
) {
    let mut of_days: BTreeMap<DeviceId, Equation> = BTreeMap::new();
    let mut rows: BTreeMap<(u32, u64), Row> = BTreeMap::new();
    for (device, from, to, site, day, dated, case) in read(world).await {
        for number in from..=to {
            let (day, dated) = (day.clone(), dated.clone());
            let before =
                rows.insert((device, number.unsigned_abs()), Row { site, day, dated, case });
            assert!(before.is_none(), "{device}: {number} is of two days");
        }
    }
    let all: BTreeSet<(u32, &str)> =
        rows.values().map(|row| (row.site, row.day.as_str())).collect();
    for (site, day) in all {
        for (device, equation) in account(world, SiteId(site), day).await {
            let sum = of_days.entry(device).or_default();
            *sum = sum.plus(equation);
        }
    }
    for (phone, saved) in world.phones.iter().zip(&saved.phones) {
        let devices = phone.devices.iter().filter_map(|device| of_days.get(device));
        adds_up(phone, devices.fold(Equation::default(), |sum, one| sum.plus(*one))).await;
        for one in saved {
            let row = rows.get(&(one.device.0, one.n));
            let row = row.unwrap_or_else(|| panic!("{one:?} is of no day"));
            is_of_its_day(records, (one, row), audit);
        }
    }
    late(world, &rows, saved, audit).await;
}

type Range = (u32, i64, i64, u32, String, String, Option<i64>);

async fn read(world: &World) -> Vec<Range> {
    sqlx::query_as(
        "select device, from_number, to_number, site, day, dated, desk_case from account_day_row",
    )
    .fetch_all(world.machine.app().db.reader())
    .await
    .expect("reads")
}

/// What the office's page says of a day, by device.
async fn account(world: &World, site: SiteId, day: &str) -> BTreeMap<DeviceId, Equation> {
    let part = |index: usize| day.split('-').nth(index).and_then(|part| part.parse().ok());
    let (year, month, date) =
        (part(0).expect("a year"), part(1).expect("one"), part(2).expect("one"));
    let from_ms = days::days(year, month, date) * DAY_MS - days::OFFSET_MS;
    let mut conn = world.machine.app().db.reader().acquire().await.expect("a connection");
    let span_ms = (from_ms, from_ms + DAY_MS);
    let account = account_day::read(&mut conn, (site, day), span_ms).await.expect("reads");
    assert!(!account.more && account.total.closes());
    account.rows.iter().map(|row| (row.device, row.accounted.equation)).collect()
}

/// The days are everything that the phone says it has saved.
async fn adds_up(phone: &Phone, sum: Equation) {
    assert!(sum.closes(), "{sum:?}");
    // The phone's account begins at the last sign-out.
    if phone.was_signed_out {
        return;
    }
    let own = phone.replica().account().await.expect("an account");
    let parts = (sum.saved, sum.accepted, sum.held, sum.refused, sum.on_phone);
    let expected = (own.saved, own.accepted, own.held, own.refused, own.on_phone);
    assert_eq!(parts, expected, "{:?}: the days are all of it", phone.devices);
}

/// A command is of the day it was written on, or of a later one where that cannot be verified. The
/// first contact of a boot may have been on its way for long: then its clock is behind the truth.
fn is_of_its_day(
    records: &BTreeMap<RecordId, Record>,
    (saved, row): (&Saved, &Row),
    audit: &mut Audit,
) {
    let written = days::day(saved.at_ms);
    let early = row.day < written;
    assert!(!early || saved.lied, "{saved:?} is of {}, before it was written", row.day);
    assert_ne!(row.dated, "told", "{saved:?} has come");
    let fact = records.get(&saved.record).and_then(|record| record.facts.get(&saved.key));
    // One that lied is of the day that it claims, or of its arrival.
    let Some(fact) = fact.filter(|fact| fact.at_ms == saved.at_ms) else { return };
    if fact.judgeable {
        assert_eq!(row.dated, "written", "{saved:?} has a time that can be relied on");
    }
    if row.dated == "written" {
        assert_eq!(row.day, written, "{saved:?}");
        audit.dated += 1;
    }
}

/// What came for a day after its first closing stands in the one case of its day and device.
async fn late(
    world: &World,
    rows: &BTreeMap<(u32, u64), Row>,
    saved: &AllSaved,
    audit: &mut Audit,
) {
    let cases = world.machine.app().sync.desk_cases(0, 10_000, true).await.expect("reads");
    let mut of_day: BTreeMap<(&str, u32), i64> = BTreeMap::new();
    for closed in &saved.closed {
        let first = saved.closed.iter().find(|other| other.day == closed.day);
        let known = &first.expect("itself at least").known;
        let of_site = rows.iter().filter(|(_, row)| row.site == 7 && row.day == closed.day);
        for ((device, number), row) in
            of_site.filter(|(id, row)| row.dated != "told" && !known.contains(*id))
        {
            let name = format!("{number} of {device} came for {} when it was closed", row.day);
            let id = row.case.unwrap_or_else(|| panic!("{name}, and is in no case"));
            let case = cases.iter().find(|case| case.case == id).expect("a case");
            assert_eq!((case.kind.as_str(), case.device.0), (LATE, *device), "{name}");
            assert!((case.from..=case.to).contains(number), "{name}: {case:?}");
            let one = of_day.entry((&closed.day, *device)).or_insert(id);
            assert_eq!(*one, id, "{name}: one case for each day and device");
            audit.late += 1;
        }
    }
    let named = rows.values().filter(|row| row.case.is_some()).count();
    let all = cases.iter().filter(|case| case.kind == LATE).count();
    assert!(named >= all, "a case names something");
}
