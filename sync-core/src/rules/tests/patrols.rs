//! Patrols: plans and their rounds, coverage, checklists, findings, what is odd.

use super::*;
use crate::model::patrol::{
    Checklist, ChecklistItem, Checkpoint, PatrolKind, PatrolPlanCreated, PatrolRoundCreated,
    PlanItem, Position,
};
use crate::model::payload::{GeneralFact, Payload};
use crate::model::{patrol, violation, work_order};
use crate::rules::{Coverage, Status, openings, planned_rounds};

fn point(code: &str, latitude_e7: i64) -> Checkpoint {
    Checkpoint {
        code: code.to_owned(),
        name: format!("{code}号楼道"),
        checklist: Some(Checklist::Stairwell),
        items: None,
        tag: Some(format!("FB:{code}")),
        position: Some(Position { latitude_e7, longitude_e7: 1_214_700_000, accuracy_m: None }),
        radius_m: None,
    }
}

fn checkpoints() -> Vec<Checkpoint> {
    // 100 m and a little more from one to the next.
    vec![point("a", 312_300_000), point("b", 312_309_000), point("c", 312_318_000)]
}

pub(super) fn plan() -> PatrolPlanCreated {
    PatrolPlanCreated {
        month: "2026-11".to_owned(),
        items: vec![PlanItem {
            item: 1,
            patrol: PatrolKind::FireSafety,
            area: "三组团".to_owned(),
            officer: PersonId(41),
            days: vec![25, 26],
            starts_at: "09:30".to_owned(),
            checkpoints: checkpoints(),
        }],
    }
}

fn unplanned() -> Command {
    Command::CreateRound {
        site: SITE,
        from: None,
        round: PatrolRoundCreated {
            patrol: PatrolKind::FireSafety,
            area: "三组团".to_owned(),
            officer: PersonId(41),
            plan: None,
            starts_at_ms: Some(NINE),
            checkpoints: checkpoints(),
        },
    }
}

/// A round to begin at nine, and its officer.
fn story() -> (Story, Writer) {
    let mut story = Story::new();
    let mut officer = story.writer(41, Role::PatrolOfficer);
    story.write(&mut officer, unplanned());
    (story, officer)
}

fn visited(code: &str, tag: &str) -> Value {
    json!({ "checkpoint": code, "method": "qr_code", "tag": tag })
}

fn check(story: &mut Story, officer: &mut Writer, item: &str, result: &str) {
    let content = json!({ "checkpoint": "a", "item": item, "result": result });
    story.step(officer, "checked", content);
}

fn result(review: &Review, item: &str) -> Value {
    let round = review.round.as_ref().expect("a round");
    let found = round.coverage[0].items.iter().find(|state| state.item == item);
    json!(found.expect("an item of the list").result)
}

fn anomalies(review: &Review) -> Vec<&str> {
    let round = review.round.as_ref().expect("a round");
    round.anomalies.iter().map(|anomaly| anomaly.code.as_str()).collect()
}

/// R7.2
#[test]
fn a_plan_has_the_same_rounds_for_whoever_reads_it() {
    let mut story = Story::new();
    let mut supervisor = story.writer(13, Role::Supervisor);
    story.write(&mut supervisor, Command::CreatePatrolPlan { site: SITE, plan: plan() });
    let review = story.review();
    let [round] = &planned_rounds(&review, "2026-11-25")[..] else { panic!("one round") };
    assert_eq!(round.from, format!("{}/1/2026-11-25", story.record));
    assert_eq!(round.record, RecordId::derive(patrol::ROUND, SITE, &round.from));
    // 09:30 in Shanghai.
    assert_eq!(round.round.starts_at_ms, Some(NINE + 30 * MINUTE));
    assert_eq!(planned_rounds(&review, "2026-11-27"), []);
    assert_eq!(planned_rounds(&review, "2026-12-25"), []);
    assert_eq!(planned_rounds(&review, "nonsense"), []);
    let next = planned_rounds(&review, "2026-11-26");
    assert_ne!(next[0].record, round.record);
}

/// R7.2
#[test]
fn rounds_opened_by_apps_of_two_schemas_are_one_round() {
    let (mut story, _) = story();
    let first = story.facts[0].clone();
    let Payload::General(GeneralFact::Created(mut created)) = first.payload.clone() else {
        panic!("an opening")
    };
    // A newer app knows one more member and says a higher schema.
    created.schema = 2;
    created.content.insert("weather".to_owned(), json!("雨"));
    let newer = story.writer(42, Role::PatrolOfficer);
    let key = FactKey::Written { session: newer.session, n: 1, i: 0 };
    let payload = Payload::General(GeneralFact::Created(created));
    story.facts.push(Fact { key, after: Some(Vec::new()), payload, ..first });
    let review = story.review();
    assert_eq!(review.schema, 2);
    assert_eq!(review.open_cases().count(), 0);
    assert_eq!(review.text("area"), Some("三组团"));
    assert_eq!(review.text("weather"), Some("雨"));
    story.facts.reverse();
    assert_eq!(story.review(), review);
}

/// R7.1
#[test]
fn only_those_who_plan_write_plans_and_every_line_is_checked() {
    let mut story = Story::new();
    let officer = story.writer(41, Role::PatrolOfficer);
    let supervisor = story.writer(13, Role::Supervisor);
    let command = |plan| Command::CreatePatrolPlan { site: SITE, plan };
    assert_eq!(story.deny(&officer, &command(plan())), DenialCode::NotYourRole);
    let harm: [fn(&mut PatrolPlanCreated); 7] = [
        |plan| plan.month = "2026-13".to_owned(),
        |plan| plan.items.clear(),
        |plan| plan.items[0].days = vec![31],
        |plan| plan.items[0].starts_at = "9:30".to_owned(),
        |plan| plan.items[0].checkpoints[1].code = "a".to_owned(),
        |plan| plan.items[0].checkpoints[0].radius_m = Some(0),
        |plan| plan.items.push(plan.items[0].clone()),
    ];
    for harm in harm {
        let mut plan = plan();
        harm(&mut plan);
        let denial = story.deny(&supervisor, &command(plan));
        assert!(matches!(denial, DenialCode::OutOfRange | DenialCode::BadTime), "{denial}");
    }
}

/// R7.10
#[test]
fn the_rest_is_ok_says_nothing_of_what_was_flagged_in_whatever_order_the_two_arrive() {
    let (mut story, mut officer) = story();
    let before = story.facts.clone();
    check(&mut story, &mut officer, "exit_lights", "not_ok");
    let rest = Command::RestOk { checkpoint: "a".to_owned() };
    story.write(&mut officer, rest.clone());
    let review = story.review();
    assert_eq!(result(&review, "exit_lights"), "not_ok");
    assert_eq!(result(&review, "hydrant"), "ok");
    // Nothing is left to say ok of.
    assert_eq!(story.deny(&officer, &rest), DenialCode::NoSuchFact);
    // Another officer, who has not seen the flag, says the rest is ok.
    let mut other = story.writer(42, Role::PatrolOfficer);
    story.write_on(&mut other, rest, &before);
    assert_eq!(result(&story.review(), "exit_lights"), "not_ok");
    story.facts.reverse();
    assert_eq!(result(&story.review(), "exit_lights"), "not_ok");
}

/// R7.3, R7.21
#[test]
fn a_point_nobody_visited_is_missed_once_the_round_is_over() {
    let (mut story, mut officer) = story();
    story.step(&mut officer, "round_started", json!({}));
    story.step(&mut officer, "checkpoint_visited", visited("a", "FB:a"));
    story.step(&mut officer, "checkpoint_skipped", json!({ "checkpoint": "b", "reason": "施工" }));
    let missed = |review: &Review| -> Vec<bool> {
        let round = review.round.as_ref().expect("a round");
        round.coverage.iter().map(|coverage| coverage.missed).collect()
    };
    assert_eq!(missed(&story.review()), [false, false, false]);
    assert_eq!(story.review().status, Status::UnderWay);
    story.step(&mut officer, "round_finished", json!({}));
    let review = story.review();
    assert_eq!(review.status, Status::Finished);
    assert_eq!(missed(&review), [false, false, true]);
    let round = review.round.expect("a round");
    assert_eq!((round.visited, round.coverage[1].skipped.as_deref()), (1, Some("施工")));
}

/// R7.23
#[test]
fn a_round_nobody_ends_has_lapsed_4_h_after_it_began() {
    let (mut story, mut officer) = story();
    story.step(&mut officer, "round_started", json!({}));
    story.after(4 * 60 * MINUTE - 1);
    let review = story.review();
    assert_eq!(review.status, Status::UnderWay);
    assert_eq!(review.status_until_ms, Some(story.now_ms + 1));
    story.after(1);
    let review = story.review();
    assert_eq!(review.status, Status::Lapsed);
    assert!(review.round.expect("a round").coverage[0].missed);
}

/// R7.22
#[test]
fn a_round_is_not_started_15_min_after_its_time_and_a_late_start_is_a_start() {
    let (mut story, mut officer) = story();
    story.after(15 * MINUTE);
    let review = story.review();
    assert_eq!(review.status, Status::Planned);
    assert_eq!(review.status_until_ms, Some(story.now_ms + 1));
    story.after(1);
    assert_eq!(story.review().status, Status::NotStarted);
    let opening = crate::rules::not_started_alarm(&story.review()).expect("an alarm");
    assert_eq!(opening.created.content["alarm"], "round_not_started");
    story.step(&mut officer, "round_started", json!({}));
    assert_eq!(story.review().status, Status::UnderWay);
}

/// R7.20
#[test]
fn what_shows_a_visit_belongs_to_its_way() {
    let (story, officer) = story();
    let deny = |content| story.deny(&officer, &step("checkpoint_visited", content));
    let missing = DenialCode::ProofMissing;
    assert_eq!(deny(json!({ "checkpoint": "a", "method": "qr_code" })), missing);
    assert_eq!(deny(json!({ "checkpoint": "a", "method": "gps" })), missing);
    // A torn tag: by hand, but never without a photo.
    assert_eq!(deny(json!({ "checkpoint": "a", "method": "manual" })), missing);
    assert_eq!(deny(visited("z", "FB:z")), DenialCode::NoSuchFact);
    let photo = json!({ "sha256": "0".repeat(64), "size_bytes": 9, "media_type": "image/jpeg" });
    let by_hand = json!({ "checkpoint": "a", "method": "manual", "photo": photo });
    let facts = story.try_write_on(&officer, &step("checkpoint_visited", by_hand), &story.facts);
    assert!(facts.is_ok());
}

/// R7.24
#[test]
fn what_is_odd_is_flagged_and_never_refused() {
    let (mut story, mut officer) = story();
    story.step(&mut officer, "checkpoint_visited", visited("a", "FB:a"));
    // 100 m in ten seconds is 36 km/h.
    story.after(10_000);
    story.step(&mut officer, "checkpoint_visited", visited("b", "FB:b"));
    assert_eq!(anomalies(&story.review()), ["impossible_speed"]);
    story.after(60_000);
    story.step(&mut officer, "checkpoint_visited", visited("c", "FB:a"));
    let review = story.review();
    assert_eq!(anomalies(&review), ["impossible_speed", "tag_mismatch", "tag_twice"]);
    assert_eq!(open_cases(&review), ["patrol_anomaly"; 3]);
    let mut desk = story.desk();
    let case = review.open_cases().next().expect("a case").clone();
    let close = Command::CloseCase {
        case: case.kind,
        rests_on: case.rests_on,
        reason: "骑车巡查".to_owned(),
    };
    story.write(&mut desk, close);
    assert_eq!(story.review().open_cases().count(), 2);
}

/// R7.24
#[test]
fn a_walk_of_100_m_in_a_minute_and_a_position_50_m_away_are_nothing_odd() {
    let (mut story, mut officer) = story();
    let gps = |code: &str, latitude_e7: i64| {
        let position = json!({ "latitude_e7": latitude_e7, "longitude_e7": 1_214_700_000 });
        json!({ "checkpoint": code, "method": "gps", "position": position })
    };
    // 44 m off, then 56 m off.
    story.step(&mut officer, "checkpoint_visited", gps("a", 312_304_000));
    story.after(60_000);
    story.step(&mut officer, "checkpoint_visited", gps("b", 312_314_000));
    assert_eq!(anomalies(&story.review()), ["position_out_of_radius"]);
    let round = story.review().round.expect("a round");
    assert_eq!(round.visited, 2);
}

fn finding(kind: &str, settled: bool) -> Value {
    json!({
        "finding": kind, "place": "a号楼道", "checkpoint": "a", "description": "灯不亮",
        "settled": settled,
    })
}

/// R7.16, R7.17
#[test]
fn a_damaged_facility_opens_a_public_order_and_a_breach_a_violation() {
    let (mut story, mut officer) = story();
    let lamp = story.step(&mut officer, "finding", finding("facility", false));
    story.step(&mut officer, "finding", finding("fire_safety", false));
    story.step(&mut officer, "finding", finding("facility", true));
    story.step(&mut officer, "finding", finding("other", false));
    let review = story.review();
    let opened = openings(&review);
    let kinds: Vec<&str> = opened.iter().map(|opening| opening.created.kind.as_str()).collect();
    assert_eq!(kinds, [work_order::KIND, violation::KIND]);
    let order = &opened[0];
    let from = format!("{}/{lamp}", story.record);
    assert_eq!(order.created.from.as_deref(), Some(from.as_str()));
    assert_eq!(order.record, RecordId::derive(work_order::KIND, SITE, &from));
    assert_eq!(order.created.content["category"], "public");
    assert_eq!(order.created.content["place"], "a号楼道");
    let round = review.round.expect("a round");
    assert_eq!(round.findings[0].opens, Some(order.record));
    assert_eq!(round.findings[2].opens, None);
}

/// R7.14
#[test]
fn what_is_known_already_or_settled_meanwhile_opens_nothing() {
    let (mut story, mut officer) = story();
    let mut known = finding("facility", false);
    known["known_as"] = json!(RecordId([9; 16]));
    story.step(&mut officer, "finding", known);
    let lamp = story.step(&mut officer, "finding", finding("facility", false));
    story.step(&mut officer, "finding_settled", json!({ "finding": lamp, "text": "换了灯泡" }));
    let review = story.review();
    assert_eq!(openings(&review), []);
    assert!(review.round.expect("a round").findings[1].settled);
}

/// One that was accepted before bounds held on arrival.
#[test]
fn endless_words_of_an_old_finding_open_an_order_that_fits() {
    let (mut story, mut officer) = story();
    story.step(&mut officer, "finding", finding("facility", false));
    let last = story.facts.last_mut().expect("written");
    let Payload::Patrol(patrol::PatrolFact::Finding(found)) = &mut last.payload else {
        panic!("a finding")
    };
    (found.description, found.place) = ("暗".repeat(15_000), "长".repeat(100));
    let opened = openings(&story.review()).remove(0).created.content;
    let length = |name: &str| opened[name].as_str().expect("a text").chars().count();
    assert_eq!((length("description"), length("place")), (2_000, 60));
}

/// R7.18
#[test]
fn what_the_server_opens_by_a_cause_nobody_opens_in_its_name() {
    let (mut story, mut officer) = story();
    story.step(&mut officer, "finding", finding("fire_safety", false));
    let opening = openings(&story.review()).remove(0);
    let mut fact = story.facts[0].clone();
    fact.payload = Payload::General(GeneralFact::Created(opening.created));
    let seen = Seen { epoch: 1, sequence: 10 };
    let facts = std::slice::from_ref(&fact);
    let permit = crate::rules::permit(facts, None, &principal(&officer), seen, story.now_ms);
    assert_eq!(permit.map_err(|denial| denial.code), Err(DenialCode::NotYourRole));
}

#[test]
fn the_plans_word_on_a_round_holds_whatever_somebody_opened_it_with() {
    let (mut story, _) = story();
    let mut fact = story.facts[0].clone();
    let Payload::General(GeneralFact::Created(created)) = &mut fact.payload else {
        panic!("an opening")
    };
    created.content.insert("area".to_owned(), json!("五组团"));
    fact.key = FactKey::derive(story.record, "created", "plan/1/day", 0);
    fact.after = Some(Vec::new());
    story.facts.push(fact);
    let review = story.review();
    assert_eq!(review.text("area"), Some("五组团"));
    assert_eq!(open_cases(&review), ["field_conflict"], "and both are shown");
}

/// R7.1, R7.3
#[test]
fn nobody_but_the_desk_walks_in_somebody_elses_name_and_nobody_but_planners_change_a_plan() {
    let (story, officer) = story();
    let fact = serde_json::from_value(json!({ "t": "round_started" })).expect("a step");
    let in_the_name_of = Command::Record {
        fact,
        said_at_ms: None,
        on_behalf_of: Some(PersonId(42)),
        corrects: Vec::new(),
    };
    assert_eq!(story.deny(&officer, &in_the_name_of), DenialCode::NotYourRole);
    let mut plans = Story::new();
    let mut supervisor = plans.writer(13, Role::Supervisor);
    plans.write(&mut supervisor, Command::CreatePatrolPlan { site: SITE, plan: plan() });
    let desk = plans.desk();
    let fact = crate::rules::permit(
        &[{
            let mut fact = plans.facts[0].clone();
            let content = json!({ "field": "month", "value": "2027-01", "replaces": [] });
            fact.payload = Payload::from_parts("set".to_owned(), content);
            fact
        }],
        Some(&plans.review()),
        &principal(&desk),
        Seen { epoch: 1, sequence: 10 },
        plans.now_ms,
    );
    assert_eq!(fact.map_err(|denial| denial.code), Err(DenialCode::NotYourRole));
}

fn own_items(codes: &[&str]) -> Option<Vec<ChecklistItem>> {
    let item = |code: &&str| ChecklistItem { code: (*code).to_owned(), text: format!("看{code}") };
    Some(codes.iter().map(item).collect())
}

fn with_items(items: Option<Vec<ChecklistItem>>) -> Command {
    let Command::CreateRound { site, from, mut round } = unplanned() else { unreachable!() };
    round.checkpoints[0].items = items;
    Command::CreateRound { site, from, round }
}

#[test]
fn a_round_is_judged_by_the_items_its_checkpoint_carries_and_not_by_the_list_of_its_kind() {
    let mut story = Story::new();
    let mut officer = story.writer(41, Role::PatrolOfficer);
    story.write(&mut officer, with_items(own_items(&["fence", "ring"])));
    let coverage = |review: &Review| -> Vec<Vec<String>> {
        let round = review.round.as_ref().expect("a round");
        let items = |point: &Coverage| point.items.iter().map(|one| one.item.clone()).collect();
        round.coverage.iter().map(items).collect()
    };
    let shown = coverage(&story.review());
    assert_eq!(shown[0], ["fence", "ring"]);
    assert_eq!(shown[1].len(), 13, "a stairwell's list");
    check(&mut story, &mut officer, "ring", "not_ok");
    let lights = json!({ "checkpoint": "a", "item": "lights", "result": "ok" });
    assert_eq!(story.deny(&officer, &step("checked", lights)), DenialCode::OutOfRange);
    story.write(&mut officer, Command::RestOk { checkpoint: "a".to_owned() });
    let review = story.review();
    assert_eq!((result(&review, "fence"), result(&review, "ring")), (json!("ok"), json!("not_ok")));
}

#[test]
fn what_a_checkpoint_carries_is_bounded_and_each_of_its_codes_stands_once() {
    let mut story = Story::new();
    let officer = story.writer(41, Role::PatrolOfficer);
    let numbers: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let refused = |items| story.deny(&officer, &with_items(items));
    assert_eq!(refused(own_items(&[])), DenialCode::OutOfRange);
    assert_eq!(refused(own_items(&numbers)), DenialCode::OutOfRange);
    assert_eq!(refused(own_items(&["a", "a"])), DenialCode::OutOfRange);
    assert_eq!(refused(own_items(&[" "])), DenialCode::TextEmpty);
    let long = ChecklistItem { code: "a".to_owned(), text: "长".repeat(201) };
    assert_eq!(refused(Some(vec![long])), DenialCode::TextTooLong);
    let Command::CreateRound { site, from, mut round } = unplanned() else { unreachable!() };
    let point = Checkpoint { items: own_items(&numbers[..100]), ..point("x", 0) };
    let named = |n: usize| Checkpoint { code: n.to_string(), ..point.clone() };
    round.checkpoints = (0..5).map(named).collect();
    let five = Command::CreateRound { site, from: from.clone(), round: round.clone() };
    assert_eq!(story.deny(&officer, &five), DenialCode::OutOfRange);
    round.checkpoints.pop();
    let mut officer = officer;
    story.write(&mut officer, Command::CreateRound { site, from, round });
    assert_eq!(story.review().round.expect("a round").coverage[3].items.len(), 100);
}

#[test]
fn a_hostile_round_with_a_hundred_thousand_items_is_reviewed_by_its_first_hundred() {
    let (mut story, _) = story();
    let Payload::General(GeneralFact::Created(created)) = &mut story.facts[0].payload else {
        panic!("an opening")
    };
    let items: Vec<Value> =
        (0..100_000).map(|n| json!({ "code": n.to_string(), "text": "x" })).collect();
    created.content["checkpoints"][0]["items"] = json!(items);
    let round = story.review().round.expect("a round");
    assert_eq!((round.coverage[0].items.len(), round.coverage[1].items.len()), (100, 13));
}
