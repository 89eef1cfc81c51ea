//! What follows by itself, each once: records of findings, low ratings and closed complaints,
//! alarms of rounds, rounds of plans, periodic tasks, links of repeats, and callers told.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::model::id::{FactKey, RecordId, SiteId};
use sync_core::model::policy::SlaPolicy;
use sync_core::rules::outage_over;

use super::super::coverage::Coverage;
use super::super::days::{DAY_MS, OFFSET_MS, date, day, days};
use super::super::environment::START_MS;
use super::super::people::SITE;
use super::super::world::World;
use super::Audit;
use super::facts::{Raw, Record};

/// Compares everything.
pub fn audit(
    world: &World,
    records: &BTreeMap<RecordId, Record>,
    (audit, coverage): (&mut Audit, &mut Coverage),
) {
    let mut causes = Causes::default();
    for record in records.values() {
        count(record, coverage);
        causes.add(record, &world.policy, world.now_ms());
        if record.kind == "reception" {
            callers(record, records);
        }
        if record.kind == "alarm" {
            alerted(record);
        }
        if record.kind == "complaint" {
            repeats(record, records, audit);
        }
    }
    for (id, from) in &causes.wanted {
        let record = records.get(id);
        let follows = record.is_some_and(|record| record.opening().is_derived());
        let cause = from.split('/').next().and_then(|cause| records.get(&cause.parse().ok()?));
        let cause = cause.map(|cause| (cause.arrived, &cause.review.status, &cause.facts));
        assert!(follows, "{id} follows from {from} by {}: {cause:#?}", world.now_ms());
    }
    for record in records.values().filter(|record| record.opening().is_derived()) {
        let openings = record.of("created").filter(|fact| fact.is_derived()).count();
        assert_eq!(openings, 1, "{} is opened once by a rule", record.record);
        let is_task = record.kind == "periodic_task";
        assert!(is_task || causes.possible.contains(&record.record), "{} has a cause", record.kind);
        audit.followed += 1;
    }
    planned(world, records);
    tasks(world, records);
}

fn count(record: &Record, coverage: &mut Coverage) {
    let counts = coverage.of(&record.kind);
    counts.opened += u64::from(record.opening().is_derived());
    for fact in record.facts.values() {
        let by_type = if fact.is_derived() { &mut counts.derived } else { &mut counts.facts };
        *by_type.entry(fact.t.clone()).or_default() += 1;
    }
}

/// Somebody is told of an alarm once, and one after the other.
fn alerted(alarm: &Record) {
    let mut ranks: Vec<i64> = alarm.of("alerted").map(|fact| fact.whole("rank")).collect();
    ranks.sort_unstable();
    let counted = ranks.iter().zip(0..).all(|(rank, place)| *rank == place);
    assert!(counted, "{} is told in order: {ranks:?}", alarm.record);
    let people: BTreeSet<i64> = alarm.of("alerted").map(|fact| fact.whole("person")).collect();
    assert_eq!(people.len(), ranks.len(), "nobody is told twice of {}", alarm.record);
    for t in ["nobody_left", "alarm_withdrawn"] {
        assert!(alarm.of(t).count() <= 1, "{t} once, of {}", alarm.record);
    }
}

/// The records that have to be there by a rule, and those that may.
#[derive(Default)]
struct Causes {
    wanted: BTreeMap<RecordId, String>,
    possible: BTreeSet<RecordId>,
}

impl Causes {
    fn add(&mut self, record: &Record, policy: &SlaPolicy, now_ms: i64) {
        match record.kind.as_str() {
            "patrol_round" => {
                self.findings(record);
                self.not_started(record, policy, now_ms);
            }
            "work_order" | "paid_service" => self.ratings(record, policy.low_rating_max),
            "complaint" => self.closings(record),
            "patrol_plan" => self.rounds(record),
            _ => {}
        }
    }

    fn follows(&mut self, (kind, site): (&str, SiteId), from: &str, wanted: bool) {
        let record = RecordId::derive(kind, site, from);
        self.possible.insert(record);
        if wanted {
            self.wanted.insert(record, from.to_owned());
        }
    }

    /// A planned round that nobody has begun when its grace is over raises an alarm, if it was
    /// known by then: what is planned afterwards nobody could begin in time.
    fn not_started(&mut self, round: &Record, policy: &SlaPolicy, now_ms: i64) {
        let starts_at_ms = round.opening().p["starts_at_ms"].as_i64();
        let untouched = round.of("round_started").next().is_none();
        let late = starts_at_ms.is_some_and(|at_ms| {
            let due_ms = at_ms.saturating_add(policy.patrol_start_grace_ms);
            due_ms < now_ms && round.arrived.1 <= due_ms
        });
        let from = format!("{}/not_started", round.record);
        self.follows(("alarm", round.site), &from, late && untouched);
    }

    fn findings(&mut self, round: &Record) {
        let settled: BTreeSet<FactKey> =
            round.of("finding_settled").filter_map(|fact| fact.id("finding")).collect();
        for finding in round.of("finding") {
            let known = finding.p.get("known_as").is_some();
            let at_once = finding.p["settled"] == true;
            let kind = match finding.p["finding"].as_str() {
                Some("facility") => "work_order",
                Some("other") => continue,
                _ => "violation",
            };
            if !known && !at_once {
                let from = format!("{}/{}", round.record, finding.key);
                let open = !settled.contains(&finding.key);
                self.follows((kind, round.site), &from, open);
            }
        }
    }

    fn ratings(&mut self, order: &Record, low_rating_max: u8) {
        for signed in order.of("signed") {
            let ratings = ["quality", "attitude", "conduct"];
            let lowest =
                ratings.iter().filter_map(|name| signed.p["ratings"][*name].as_i64()).min();
            if lowest.is_some_and(|lowest| lowest <= i64::from(low_rating_max)) {
                let from = format!("{}/{}", order.record, signed.key);
                self.follows(("follow_up", order.site), &from, true);
            }
        }
    }

    /// A closing that stands has a follow-up; one that was undone may have one.
    fn closings(&mut self, complaint: &Record) {
        let turns: Vec<FactKey> = complaint
            .facts
            .values()
            .filter(|fact| ["complaint_closed", "complaint_reopened"].contains(&fact.t.as_str()))
            .map(|fact| fact.key)
            .collect();
        let latest = complaint.latest(&turns);
        let closed = latest.iter().all(|key| complaint.facts[key].t == "complaint_closed");
        let stands = closed && !latest.is_empty();
        let reopened = complaint.of("complaint_reopened").count();
        for turn in 0..=reopened {
            let from = format!("{}/closed/{turn}", complaint.record);
            self.follows(("follow_up", complaint.site), &from, stands && turn == reopened);
        }
    }

    fn rounds(&mut self, plan: &Record) {
        let month = plan.opening().p["month"].as_str().expect("a month").to_owned();
        for item in plan.opening().p["items"].as_array().expect("items") {
            for day in item["days"].as_array().expect("days") {
                let from = format!(
                    "{}/{}/{month}-{:02}",
                    plan.record,
                    item["item"],
                    day.as_u64().expect("a day")
                );
                self.follows(("patrol_round", plan.site), &from, false);
            }
        }
    }
}

/// The rounds that a plan has today and tomorrow are there.
fn planned(world: &World, records: &BTreeMap<RecordId, Record>) {
    let near = [day(world.now_ms()), day(world.now_ms() + DAY_MS)];
    for plan in records.values().filter(|record| record.kind == "patrol_plan") {
        let content = &plan.opening().p;
        for item in content["items"].as_array().expect("items") {
            for number in item["days"].as_array().expect("days") {
                let number = number.as_u64().expect("a day");
                let of_day = format!("{}-{number:02}", content["month"].as_str().expect("a month"));
                if near.contains(&of_day) {
                    let from = format!("{}/{}/{of_day}", plan.record, item["item"]);
                    let round = RecordId::derive("patrol_round", plan.site, &from);
                    assert!(records.contains_key(&round), "the round {from} is made");
                }
            }
        }
    }
}

/// Every period of every task that has begun, once, and none that has not.
fn tasks(world: &World, records: &BTreeMap<RecordId, Record>) {
    let mut there: Vec<(u32, String, String)> = records
        .values()
        .filter(|record| record.kind == "periodic_task")
        .map(|record| {
            let text = |name: &str| record.opening().p[name].as_str().expect("text").to_owned();
            (record.site.0, text("task"), text("period"))
        })
        .collect();
    there.sort();
    let mut expected: Vec<(u32, String, String)> = Vec::new();
    for site in [SITE.0, 8] {
        for (task, period) in begun(world.now_ms()) {
            expected.push((site, task.to_owned(), period));
        }
    }
    expected.sort();
    assert_eq!(there, expected, "the tasks that have begun");
}

/// Task and period of all that has begun by `now_ms` and could still be done when all began.
fn begun(now_ms: i64) -> Vec<(&'static str, String)> {
    let mut begun = Vec::new();
    let first = (START_MS + OFFSET_MS).div_euclid(DAY_MS);
    let last = (now_ms + OFFSET_MS).div_euclid(DAY_MS);
    let month = |year: i64, month: i64| {
        let months = year * 12 + month - 1;
        format!("{}-{:02}", months.div_euclid(12), months.rem_euclid(12) + 1)
    };
    for today in first - 60..=last {
        // 1970-01-01 was a Thursday: day 4 was the first Monday.
        if today.rem_euclid(7) == 4 {
            let sunday = today + 6;
            let due_ms = sunday * DAY_MS + 18 * 3_600_000 - OFFSET_MS;
            if due_ms >= START_MS {
                begun.push(("weekly_complaints", day(sunday * DAY_MS - OFFSET_MS)));
            }
        }
        let (year, number, day_of_month) = date(today);
        if day_of_month == 1 {
            let end_ms =
                |day_of_month: i64| (days(year, number, day_of_month) + 1) * DAY_MS - OFFSET_MS - 1;
            let before = month(year, number - 1);
            let month_end = days(year, number, 1) + 32;
            let (next_year, next_number, _) = date(month_end);
            let month_end_ms = days(next_year, next_number, 1) * DAY_MS - OFFSET_MS - 1;
            let all = [
                ("monthly_complaints", before.clone(), end_ms(4)),
                ("reception_review", before.clone(), end_ms(4)),
                ("complaint_trend", before, end_ms(5)),
                ("patrol_plan", month(year, number + 1), month_end_ms),
            ];
            let open = all.into_iter().filter(|(.., due_ms)| *due_ms >= START_MS);
            begun.extend(open.map(|(task, period, _)| (task, period)));
        }
    }
    begun
}

/// A caller who is attached to what is over is told so, once for each; nobody else is.
fn callers(reception: &Record, records: &BTreeMap<RecordId, Record>) {
    let detached: BTreeSet<FactKey> =
        reception.of("detached_from").filter_map(|fact| fact.id("attachment")).collect();
    let mut told: BTreeMap<RecordId, usize> = BTreeMap::new();
    for fact in reception.of("outage_over") {
        assert!(fact.is_derived());
        *told.entry(fact.id("record").expect("a record")).or_default() += 1;
    }
    for attached in reception.of("attached_to") {
        let target: RecordId = attached.id("record").expect("a record");
        let over = records.get(&target).and_then(|target| outage_over(&target.review));
        if over.is_some() && !detached.contains(&attached.key) {
            let times = told.get(&target).copied();
            assert_eq!(times, Some(1), "{} is told of {target}", reception.record);
        }
    }
    let named: BTreeSet<RecordId> =
        reception.of("attached_to").filter_map(|fact| fact.id("record")).collect();
    for (target, times) in &told {
        assert!(*times == 1 && named.contains(target), "{} of {target}", reception.record);
    }
}

/// A complaint of a unit and subject of which there was one already names the one before it, once.
fn repeats(complaint: &Record, records: &BTreeMap<RecordId, Record>, audit: &mut Audit) {
    let linked: Vec<&Raw> = complaint.of("repeat_of").collect();
    assert!(linked.len() <= 1, "{} repeats one", complaint.record);
    audit.repeats += linked.len() as u64;
    let of = |record: &Record| {
        let created = &record.opening().p;
        let untouched = record.is_untouched("unit") && record.is_untouched("subject");
        let plain = untouched && !created["unit"].is_null();
        plain.then(|| (record.site, created["unit"].clone(), created["subject"].clone()))
    };
    let opened = (complaint.opening().at_ms, complaint.record);
    let Some(own) = of(complaint) else { return };
    let before = records.values().filter(|other| {
        let at = (other.opening().at_ms, other.record);
        other.kind == "complaint"
            && of(other).as_ref() == Some(&own)
            && at < opened
            && opened.0 - at.0 <= 90 * DAY_MS
    });
    let before: Vec<&Record> = before.collect();
    let known = before.iter().any(|other| other.arrived < complaint.arrived);
    match linked.first() {
        None => assert!(!known, "{} is a repeat: {own:?}", complaint.record),
        Some(fact) => {
            let named: RecordId = fact.id("complaint").expect("a record");
            assert_eq!(records[&named].kind, "complaint");
            // What was set since may have made it another's.
            assert!(named != complaint.record && fact.whole("times") >= 2);
        }
    }
}
