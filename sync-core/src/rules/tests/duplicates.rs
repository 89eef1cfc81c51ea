//! Two records of one matter: who is told, what the office's word does, and what it may not do; and
//! steps by somebody who was never on the order.

use super::*;
use crate::model::reception::{Channel, Matter, ReceptionCreated};
use crate::rules::duplicates::{Likeness, are_suspects, likeness, within_ms};
use crate::rules::{DeadlineState, InboxKind, Link, Status, inbox, links};

const DAY: i64 = 24 * 60 * MINUTE;
const FIRST: RecordId = RecordId([2; 16]);

fn merge(record: RecordId) -> Command {
    Command::MergeInto { record, reason: "同一件事".to_owned() }
}

fn like(story: &Story) -> Likeness {
    likeness(&story.review()).expect("an order with a unit")
}

/// R3.47
#[test]
fn open_records_of_one_unit_and_sort_opened_by_others_within_a_day_are_suspects() {
    let (story, _) = Story::dispatched();
    let one = like(&story);
    let by = |person: u32, device: u32| (PersonId(person), DeviceId(device));
    let other = Likeness { opened_by: by(13, 13), ..one.clone() };
    let within = within_ms(std::slice::from_ref(&story.policy), one.opened_ms);
    assert_eq!(within, DAY);
    assert!(are_suspects(&one, &other, within) && are_suspects(&other, &one, within));
    let late = |ms: i64| Likeness { opened_ms: one.opened_ms + ms, ..other.clone() };
    assert!(are_suspects(&one, &late(DAY), within) && are_suspects(&one, &late(-DAY), within));
    assert!(!are_suspects(&one, &late(DAY + 1), within));
    assert!(!are_suspects(&late(-DAY - 1), &one, within));
    assert!(!are_suspects(&one, &other, 0), "a site may do without");
    let of = |opened_by| Likeness { opened_by, ..one.clone() };
    assert!(!are_suspects(&one, &of(by(12, 12)), within), "who opens two means two");
    assert!(are_suspects(&one, &of(by(12, 13)), within));
    let others = [
        Likeness { unit: "3-2-1502".to_owned(), ..other.clone() },
        Likeness { sort: "public".to_owned(), ..other.clone() },
        Likeness { kind: "reception".to_owned(), ..other.clone() },
        Likeness { site: SiteId(8), ..other.clone() },
    ];
    for another in others {
        assert!(!are_suspects(&one, &another, within), "{another:?}");
    }
    for over in [Status::Cancelled, Status::Closed, Status::Finished, Status::Returned] {
        let over = Likeness { status: over, ..other.clone() };
        assert!(!are_suspects(&one, &over, within) && !are_suspects(&over, &one, within));
    }
}

fn reception(story: &mut Story, desk: &mut Writer) {
    let created = ReceptionCreated {
        channel: Channel::Phone,
        matter: Matter::Repair,
        received_at_ms: None,
        contact: None,
        by_caller_id: false,
        unit: Some("3-2-1501".to_owned()),
        group: None,
        description: "厨房水管漏水".to_owned(),
    };
    story.write(desk, Command::Open { site: SITE, content: created.into() });
}

/// R3.47, R3.48
#[test]
fn a_reception_is_told_by_its_matter_and_put_aside_by_closing() {
    let mut story = Story::new();
    let mut desk = story.desk();
    reception(&mut story, &mut desk);
    let like = like(&story);
    assert_eq!((like.kind.as_str(), like.sort.as_str()), ("reception", "repair"));
    story.write(&mut desk, merge(FIRST));
    let review = story.review();
    assert_eq!((review.status, review.duplicate_of), (Status::Closed, Some(FIRST)));
    assert!(review.closed_at_ms.is_some());
    story.step(&mut desk, "reception_reopened", json!({ "text": "是两件事" }));
    let review = story.review();
    assert_eq!((review.closed_at_ms, review.duplicate_of), (None, None));
}

/// R3.48
#[test]
fn a_duplicate_is_put_aside_names_the_one_that_goes_on_and_opens_again() {
    let (mut story, mut desk) = Story::dispatched();
    let worker = story.technician(31);
    assert_eq!(story.deny(&worker, &merge(FIRST)), DenialCode::NotYourRole);
    assert_eq!(story.deny(&desk, &merge(story.record)), DenialCode::OutOfRange);
    let bare = Command::MergeInto { record: FIRST, reason: " ".to_owned() };
    assert_eq!(story.deny(&desk, &bare), DenialCode::TextEmpty);
    let before = story.facts.len();
    let word = story.write(&mut desk, merge(FIRST));
    let review = story.review();
    assert_eq!((review.status, review.duplicate_of), (Status::Cancelled, Some(FIRST)));
    let link = Link { field: "duplicate_of".to_owned(), target: FIRST };
    assert!(links(&review).contains(&link));
    assert!(review.deadlines.iter().all(|one| one.state != DeadlineState::Running));
    let told = inbox(&review).into_iter().find(|item| item.kind == InboxKind::PutAside);
    let told = told.expect("the worker is told");
    assert_eq!(
        (told.person, told.key, told.text.as_deref()),
        (PersonId(31), word, Some("同一件事"))
    );
    assert_eq!(story.facts.len(), before + 1, "nothing is taken away");
    story.write(&mut desk, Command::step(WorkOrderFact::Dispatched));
    let review = story.review();
    assert_eq!((review.status, review.duplicate_of), (Status::Dispatched, None));
    assert!(!links(&review).contains(&link));
}

/// R3.48
#[test]
fn what_is_done_or_handed_out_beside_the_word_is_a_case_and_work_stays_done() {
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let mut seen = story.facts.clone();
    story.write(&mut desk, merge(FIRST));
    let visit = story.write_on(&mut worker, step("set_out", json!({ "grade": 3 })), &seen);
    seen.push(story.facts.last().expect("there").clone());
    story.write_on(&mut worker, step("finish_work", json!({ "visit": visit })), &seen);
    let review = story.review();
    assert_eq!(review.status, Status::Finished);
    assert!(open_cases(&review).contains(&"finished_though_cancelled"));
    let (mut story, mut desk) = Story::dispatched();
    let mut assistant = story.writer(13, Role::Assistant);
    let seen = story.facts.clone();
    story.write(&mut desk, merge(FIRST));
    story.write_on(&mut assistant, Command::step(WorkOrderFact::Dispatched), &seen);
    assert!(open_cases(&story.review()).contains(&"dispatched_though_over"));
}

/// R3.49
#[test]
fn what_carries_a_signature_or_money_is_not_put_aside() {
    let (mut story, desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    let quoted = json!({ "visit": visit, "amount_fen": 500, "items": [] });
    story.step(&mut worker, "quoted", quoted);
    assert!(story.try_write_on(&desk, &merge(FIRST), &story.facts).is_ok(), "no money yet");
    let charged = json!({ "visit": visit, "amount_fen": 500, "method": "cash" });
    let charge = story.step(&mut worker, "charged", charged);
    let handed_in = json!({ "charge": charge, "amount_fen": 500 });
    story.step(&mut worker, "handed_in", handed_in);
    let denial = story.try_write_on(&desk, &merge(FIRST), &story.facts).expect_err("refused");
    assert_eq!(denial.code, DenialCode::CarriesSignatureOrMoney);
    assert_eq!(denial.params["carries"], "charged handed_in");
}

fn outsiders(story: &Story) -> Vec<(Value, usize)> {
    let review = story.review();
    let open = review.open_cases().filter(|case| case.kind == "written_by_outsider");
    open.map(|case| (case.params["person"].clone(), case.rests_on.len())).collect()
}

/// R3.50
#[test]
fn steps_in_anothers_visit_by_somebody_who_was_never_on_the_order_are_a_case() {
    let (mut story, mut desk) = Story::dispatched();
    let (mut worker, mut outsider) = (story.technician(31), story.technician(33));
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    story.step(&mut worker, "ring", json!({ "visit": visit }));
    assert_eq!(outsiders(&story), []);
    let charged = json!({ "visit": visit, "amount_fen": 500, "method": "cash" });
    story.step(&mut outsider, "charged", charged);
    story.step(&mut outsider, "declined", json!({ "reason": "不去" }));
    assert_eq!(outsiders(&story), [(json!(33), 2)]);
    // Setting out oneself is no leave to write in the visit of another.
    story.step(&mut outsider, "set_out", json!({ "grade": 3 }));
    assert_eq!(outsiders(&story), [(json!(33), 2)]);
    // A helper may be named late, and whoever was ever named was on it.
    let mut helped = story.clone();
    helped.step(&mut worker.clone(), "helper_joined", json!({ "visit": visit, "person": 33 }));
    assert_eq!(outsiders(&helped), []);
    story.write(&mut desk, Command::Assign { person: PersonId(33) });
    assert_eq!(outsiders(&story), []);
    story.write(&mut desk, Command::Assign { person: PersonId(31) });
    assert_eq!(outsiders(&story), []);
}

/// R3.50
#[test]
fn what_the_desk_writes_into_a_visit_is_no_outsiders() {
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    story.step(&mut desk, "called_back", json!({ "visit": visit, "text": "满意" }));
    let Command::Record { fact, .. } = step(
        "tidy",
        json!({ "visit": visit,
        "equipment_wiped": true, "floor_clean": true, "tools_counted": true }),
    ) else {
        panic!("a step")
    };
    let (said_at_ms, on_behalf_of) = (Some(story.now_ms), Some(PersonId(31)));
    story.write(&mut desk, Command::Record { fact, said_at_ms, on_behalf_of, corrects: vec![] });
    assert_eq!(outsiders(&story), []);
}
