//! Receptions: who owns a matter, what was promised by when, to whom it went, what an assistant
//! hands to the desk, and the many callers on one outage.

use super::*;
use crate::model::audience::Audience;
use crate::model::payload::{Attached, GeneralFact, Payload};
use crate::model::reception::{Channel, Matter, PassedTo, ReceptionCreated};
use crate::rules::{
    Deadline, DeadlineState, Details, InboxKind, Link, Reception, Status, audiences, contacts,
    follows, inbox, links,
};

const HOUR: i64 = 60 * MINUTE;
/// 18:00 on the day of [`NINE`]: the end of the working day.
const SIX_PM: i64 = NINE + 9 * HOUR;

fn opened(matter: Matter) -> Command {
    let created = ReceptionCreated {
        channel: Channel::Phone,
        matter,
        received_at_ms: None,
        contact: Some(RecordId([9; 16])),
        by_caller_id: true,
        unit: Some("3-2-1501".to_owned()),
        group: Some(3),
        description: "厨房水管漏水".to_owned(),
    };
    Command::Open { site: SITE, content: created.into() }
}

fn of(review: &Review) -> &Reception {
    match &review.details {
        Some(Details::Reception(reception)) => reception,
        other => panic!("{other:?}"),
    }
}

fn deadline<'a>(review: &'a Review, name: &str) -> &'a Deadline {
    let found = review.deadlines.iter().find(|deadline| deadline.name == name);
    found.unwrap_or_else(|| panic!("{name} in {:?}", review.deadlines))
}

fn story(matter: Matter) -> (Story, Writer) {
    let mut story = Story::new();
    let mut desk = story.desk();
    story.write(&mut desk, opened(matter));
    (story, desk)
}

/// R1.3
#[test]
fn whoever_receives_a_matter_owns_it_until_it_is_given_away_with_a_reason() {
    let (mut story, mut desk) = story(Matter::Inquiry);
    assert_eq!(of(&story.review()).owner, Some(PersonId(12)));
    let bare = set("owner", json!({ "person": 13, "reason": "" }));
    assert_eq!(story.deny(&desk, &bare), DenialCode::TextEmpty);
    assert_eq!(story.deny(&desk, &set("owner", json!(13))), DenialCode::OutOfRange);
    story.write(&mut desk, set("owner", json!({ "person": 13, "reason": "交班" })));
    let review = story.review();
    assert_eq!(of(&review).owner, Some(PersonId(13)));
    assert!(audiences(&review).contains(&Audience::User(SITE, PersonId(13))));
    let told = inbox(&review);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].kind, told[0].person), (InboxKind::Assigned, PersonId(13)));
}

/// R1.3
#[test]
fn two_who_give_a_matter_away_without_knowing_are_a_conflict_and_it_stays_where_it_was() {
    let (mut story, mut desk) = story(Matter::Inquiry);
    let mut other = story.writer(14, Role::Supervisor);
    let seen = story.facts.clone();
    let to = |person: u32| set("owner", json!({ "person": person, "reason": "r" }));
    story.write_on(&mut desk, to(13), &seen);
    story.write_on(&mut other, to(15), &seen);
    let review = story.review();
    assert_eq!(of(&review).owner, Some(PersonId(12)));
    assert_eq!(open_cases(&review), ["field_conflict"]);
}

/// R1.4
#[test]
fn a_promised_reply_is_due_at_its_time_and_met_by_the_reply() {
    let (mut story, mut desk) = story(Matter::Inquiry);
    let by_ms = NINE + 2 * HOUR;
    let promise = story.step(&mut desk, "reply_promised", json!({ "by_ms": by_ms }));
    let review = story.review();
    assert_eq!(review.status, Status::ReplyPromised);
    let reply = deadline(&review, "reply");
    assert_eq!(
        (reply.due_ms, reply.of, reply.state),
        (Some(by_ms), Some(promise), DeadlineState::Running)
    );
    story.after(2 * HOUR);
    assert_eq!(deadline(&story.review(), "reply").state, DeadlineState::Running);
    story.after(1);
    let late = story.review();
    assert_eq!(deadline(&late, "reply").state, DeadlineState::Breached);
    let told = follows(&late, story.now_ms);
    assert!(matches!(
        &told[..],
        [told] if told.at_ms == by_ms && matches!(
            &told.payload,
            Payload::General(GeneralFact::FellDue(fell))
                if fell.tells == [Role::FrontDesk, Role::Assistant]
        )
    ));
    story.step(&mut desk, "replied", json!({ "promise": promise, "text": "查过了" }));
    let review = story.review();
    assert_eq!(deadline(&review, "reply").late_ms, Some(1));
    assert_eq!(review.status, Status::Answered);
}

/// R1.4
#[test]
fn a_reply_without_a_promise_answers_those_it_knew_of_and_no_other() {
    let (mut story, mut desk) = story(Matter::Inquiry);
    let mut other = story.writer(14, Role::Assistant);
    let by = |ms: i64| json!({ "by_ms": NINE + ms });
    story.step(&mut desk, "reply_promised", by(HOUR));
    let seen = story.facts.clone();
    let unknown = story.step(&mut desk, "reply_promised", by(2 * HOUR));
    story.write_on(&mut other, step("replied", json!({ "text": "t" })), &seen);
    let review = story.review();
    let open: Vec<_> = of(&review).promises.iter().filter(|p| p.replied.is_none()).collect();
    assert_eq!(open.iter().map(|promise| promise.key).collect::<Vec<_>>(), [unknown]);
}

/// R1.4
#[test]
fn a_matter_closed_without_the_promised_reply_is_a_case_until_it_is_given() {
    let (mut story, mut desk) = story(Matter::Inquiry);
    story.step(&mut desk, "reply_promised", json!({ "by_ms": NINE + HOUR }));
    story.step(&mut desk, "reception_closed", json!({ "text": "t" }));
    let review = story.review();
    assert_eq!((review.status, review.closed_at_ms), (Status::Closed, Some(NINE)));
    assert_eq!(open_cases(&review), ["closed_before_reply"]);
    story.step(&mut desk, "replied", json!({ "text": "t" }));
    assert!(open_cases(&story.review()).is_empty());
}

/// R1.12
#[test]
fn whoever_reopens_beside_a_closing_without_knowing_it_wins() {
    let (mut story, mut desk) = story(Matter::Inquiry);
    let mut other = story.writer(14, Role::Supervisor);
    story.step(&mut desk, "reception_closed", json!({ "text": "t" }));
    let seen = story.facts.clone();
    story.write_on(&mut other, step("reception_reopened", json!({ "text": "t" })), &seen);
    story.write_on(&mut desk, step("reception_closed", json!({ "text": "u" })), &seen);
    assert_eq!(story.review().closed_at_ms, None);
    story.step(&mut desk, "reception_closed", json!({ "text": "v" }));
    assert_eq!(story.review().closed_at_ms, Some(NINE));
}

/// R1.6
#[test]
fn a_message_is_closed_by_the_word_of_the_colleague_it_is_for() {
    let (mut story, mut desk) = story(Matter::Message);
    let mut colleague = story.technician(31);
    let mut another = story.technician(32);
    let passing = story.step(&mut desk, "passed_on", json!({ "person": 31, "text": "请回电" }));
    let review = story.review();
    assert_eq!(review.status, Status::PassedOn);
    assert!(audiences(&review).contains(&Audience::User(SITE, PersonId(31))));
    let told = inbox(&review);
    assert_eq!(
        (told[0].kind, told[0].person, told[0].done),
        (InboxKind::PassedOn, PersonId(31), false)
    );
    assert_eq!(told[0].text.as_deref(), Some("请回电"));

    story.step(&mut another, "message_received", json!({ "passing": passing }));
    let review = story.review();
    assert_eq!(review.status, Status::PassedOn, "somebody else's word closes nothing");
    assert_eq!(open_cases(&review), ["received_by_another"]);

    story.step(&mut colleague, "message_received", json!({ "passing": passing }));
    let review = story.review();
    assert_eq!((review.status, review.closed_at_ms), (Status::Closed, Some(NINE)));
    assert!(inbox(&review)[0].done);
}

/// R1.6
#[test]
fn a_message_the_desk_closes_before_the_colleague_has_it_is_a_case() {
    let (mut story, mut desk) = story(Matter::Message);
    story.step(&mut desk, "passed_on", json!({ "person": 31, "text": "t" }));
    story.step(&mut desk, "reception_closed", json!({ "text": "t" }));
    assert_eq!(open_cases(&story.review()), ["message_not_received"]);
}

/// R1.6
#[test]
fn receiving_closes_nothing_but_messages() {
    let (mut story, mut desk) = story(Matter::Inquiry);
    let mut colleague = story.technician(31);
    let passing = story.step(&mut desk, "passed_on", json!({ "person": 31, "text": "t" }));
    story.step(&mut colleague, "message_received", json!({ "passing": passing }));
    let review = story.review();
    assert_eq!((review.status, review.closed_at_ms), (Status::Opened, None));
    assert_eq!(of(&review).owner, Some(PersonId(12)), "who has it does not own it");
}

/// R1.5
#[test]
fn what_went_to_a_department_is_taken_over_by_somebody_of_it() {
    use crate::model::department::Department;
    use crate::rules::permit;
    let (mut story, mut desk) = story(Matter::Repair);
    let content = json!({ "department": "engineering", "text": "t" });
    let passing = story.step(&mut desk, "passed_on", content);
    let taker = story.technician(31);
    let command = step("took_over", json!({ "passing": passing }));
    let facts = story.try_write_on(&taker, &command, &story.facts).expect("of every department");
    let judge = |department: Department, facts: &[Fact]| {
        let grant =
            RoleGrant { department: Some(department), ..grant(taker.person, Role::Technician) };
        let principal = Principal { person: taker.person, grants: vec![grant] };
        let seen = Seen { epoch: 1, sequence: 10 };
        permit(facts, Some(&story.review()), &principal, seen, NINE).map_err(|d| d.code)
    };
    assert_eq!(judge(Department::ENGINEERING, &facts), Ok(()));
    assert_eq!(judge(Department::CLEANING, &facts), Err(DenialCode::NotYourRole));
    let mut lent = facts.clone();
    lent[0].on_behalf_of = Some(PersonId(32));
    assert_eq!(judge(Department::ENGINEERING, &lent), Err(DenialCode::NotYourRole));
}

/// R1.9
#[test]
fn a_suggestion_nobody_of_the_department_takes_over_that_day_is_told_its_head() {
    let (mut story, mut desk) = story(Matter::Suggestion);
    let content = json!({ "department": "cleaning", "text": "t" });
    let passing = story.step(&mut desk, "passed_on", content);
    let review = story.review();
    let suggestion = deadline(&review, "suggestion");
    assert_eq!((suggestion.due_ms, suggestion.of), (Some(SIX_PM), Some(passing)));
    assert_eq!(suggestion.tells, [Role::Supervisor]);
    let mut cleaner = story.writer(41, Role::ServiceWorker);
    story.step(&mut cleaner, "took_over", json!({ "passing": passing }));
    assert_eq!(deadline(&story.review(), "suggestion").state, DeadlineState::Met);
}

/// R1.8
#[test]
fn what_an_assistant_hands_to_the_desk_is_closed_the_same_working_day() {
    let mut story = Story::new();
    let mut assistant = story.writer(13, Role::Assistant);
    story.write(&mut assistant, opened(Matter::Complaint));
    let desk = story.desk();
    let handed = step("to_desk", json!({ "text": "本组团解决不了" }));
    assert_eq!(story.deny(&desk, &handed), DenialCode::NotYourRole);
    story.write(&mut assistant, handed);
    let review = story.review();
    assert_eq!(review.status, Status::AtTheDesk);
    assert_eq!(of(&review).owner, Some(assistant.person), "who follows it owns it");
    let day = deadline(&review, "same_day");
    assert_eq!((day.due_ms, day.state), (Some(SIX_PM), DeadlineState::Running));
    story.after(9 * HOUR);
    assert_eq!(deadline(&story.review(), "same_day").state, DeadlineState::Running);
    story.after(1);
    let late = story.review();
    assert_eq!(deadline(&late, "same_day").state, DeadlineState::Breached);
    assert_eq!(deadline(&late, "same_day").tells, [Role::Assistant, Role::Supervisor]);
    assert_eq!(follows(&late, story.now_ms).len(), 1);
}

/// R1.8
#[test]
fn closed_by_the_end_of_the_working_day_is_in_time() {
    let mut story = Story::new();
    let mut assistant = story.writer(13, Role::Assistant);
    story.write(&mut assistant, opened(Matter::Repair));
    story.step(&mut assistant, "to_desk", json!({ "text": "t" }));
    story.after(9 * HOUR);
    story.step(&mut assistant, "reception_closed", json!({ "text": "t" }));
    story.after(HOUR);
    assert_eq!(deadline(&story.review(), "same_day").state, DeadlineState::Met);
    assert!(follows(&story.review(), story.now_ms).is_empty());
}

/// R1.8
#[test]
fn what_is_handed_over_after_work_is_due_the_next_working_day() {
    let mut story = Story::new();
    let mut assistant = story.writer(13, Role::Assistant);
    story.after(10 * HOUR);
    story.write(&mut assistant, opened(Matter::Repair));
    story.step(&mut assistant, "to_desk", json!({ "text": "t" }));
    let due_ms = deadline(&story.review(), "same_day").due_ms;
    assert_eq!(due_ms, Some(SIX_PM + 24 * HOUR));
}

/// R1.10
#[test]
fn appointments_that_knew_nothing_of_one_another_are_a_case_until_a_later_one() {
    let (mut story, mut desk) = story(Matter::Repair);
    let mut other = story.writer(13, Role::Assistant);
    let at = |hours: i64| step("appointed", json!({ "at_ms": NINE + hours * HOUR }));
    let seen = story.facts.clone();
    story.write_on(&mut desk, at(24), &seen);
    story.write_on(&mut other, at(26), &seen);
    let review = story.review();
    assert_eq!(open_cases(&review), ["appointments_disagree"]);
    assert_eq!(of(&review).appointments.len(), 2);
    let last = story.write(&mut desk, at(28));
    let review = story.review();
    assert!(open_cases(&review).is_empty());
    assert_eq!(of(&review).appointments, [(last, NINE + 28 * HOUR)]);
}

/// R1.1, R1.2, R1.7
#[test]
fn what_was_said_to_the_customer_stands_in_the_reception() {
    let (mut story, mut desk) = story(Matter::Repair);
    story.step(&mut desk, "read_back", json!({}));
    story.step(&mut desk, "price_told", json!({ "price": "on_site" }));
    story.step(&mut desk, "put_through", json!({ "to": "周主管" }));
    story.step(&mut desk, "declined_with_consent", json!({ "reason": "不属物业范围" }));
    let review = story.review();
    let reception = of(&review);
    assert!(reception.read_back && reception.declined && reception.answered);
    assert_eq!(reception.put_through.as_deref(), Some("周主管"));
    assert_eq!(serde_json::to_value(reception.price).expect("a price")["price"], "on_site");
    assert_eq!(review.status, Status::Answered);
    let huge = step("price_told", json!({ "price": "amount", "amount_fen": i64::MAX }));
    assert_eq!(story.deny(&desk, &huge), DenialCode::OutOfRange);
    let never = step("reply_promised", json!({ "by_ms": -1 }));
    assert_eq!(story.deny(&desk, &never), DenialCode::OutOfRange);
}

/// R1.1
#[test]
fn a_technician_opens_no_reception_and_only_the_server_says_that_an_outage_is_over() {
    let mut story = Story::new();
    let technician = story.technician(31);
    assert_eq!(story.deny(&technician, &opened(Matter::Repair)), DenialCode::NotYourRole);
    let (mut story, desk) = self::story(Matter::Repair);
    let over = step("outage_over", json!({ "record": RecordId([8; 16]), "at_ms": NINE }));
    assert_eq!(story.deny(&desk, &over), DenialCode::NotYourRole);
    let manager = story.writer(50, Role::ProjectManager);
    assert_eq!(story.deny(&manager, &over), DenialCode::NotYourRole);
}

fn over(story: &Story, at_ms: i64) -> Fact {
    let content = json!({ "record": RecordId([8; 16]), "at_ms": at_ms });
    Fact {
        key: FactKey::derive(story.record, "outage_over", &RecordId([8; 16]).to_string(), 0),
        wall_ms: at_ms,
        monotonic_ms: None,
        seen: Seen::default(),
        after: Some(Vec::new()),
        said_at_ms: None,
        on_behalf_of: None,
        corrects: Vec::new(),
        payload: Payload::from_parts("outage_over".to_owned(), content),
        stored_content: None,
    }
}

/// R1.11
#[test]
fn a_caller_on_an_outage_is_called_back_when_it_is_over_even_if_the_matter_is_closed() {
    let (mut story, mut desk) = story(Matter::Repair);
    let attached = story.step(&mut desk, "attached_to", json!({ "record": RecordId([8; 16]) }));
    story.step(&mut desk, "reception_closed", json!({ "text": "t" }));
    assert!(story.review().deadlines.is_empty(), "nothing is due while the outage goes on");
    story.after(3 * HOUR);
    story.facts.push(over(&story, NINE + 2 * HOUR));
    let review = story.review();
    let back = deadline(&review, "outage_call_back");
    assert_eq!(back.of, Some(attached));
    assert_eq!(back.due_ms, Some(NINE + 26 * HOUR));
    assert_eq!(back.state, DeadlineState::Running);
    let content = json!({ "attachment": attached, "text": "已恢复供水" });
    story.step(&mut desk, "outage_called_back", content);
    assert_eq!(deadline(&story.review(), "outage_call_back").state, DeadlineState::Met);
}

/// R1.11
#[test]
fn a_caller_who_was_attached_by_mistake_is_not_called_back() {
    let (mut story, mut desk) = story(Matter::Repair);
    let record = RecordId([8; 16]);
    let attached = story.step(&mut desk, "attached_to", json!({ "record": record }));
    let link = Link { field: "attached_to".to_owned(), target: record };
    assert!(links(&story.review()).contains(&link));
    let content = json!({ "attachment": attached, "reason": "另一栋楼" });
    story.step(&mut desk, "detached_from", content);
    story.facts.push(over(&story, NINE));
    let review = story.review();
    assert!(review.deadlines.is_empty());
    assert!(!links(&review).contains(&link));
    assert_eq!(contacts(&review), [RecordId([9; 16])].into());
}

/// R1.13
#[test]
fn a_photo_is_announced_in_any_record_by_anybody_and_a_bad_hash_is_refused() {
    let (mut story, _) = story(Matter::Repair);
    let mut technician = story.technician(31);
    let attach = |sha256: &str| Command::Attach {
        attachment: Attached {
            sha256: sha256.to_owned(),
            size_bytes: 5,
            media_type: "image/jpeg".to_owned(),
            name: "漏水".to_owned(),
        },
    };
    assert_eq!(story.deny(&technician, &attach("zz")), DenialCode::OutOfRange);
    let key = story.write(&mut technician, attach(&"0".repeat(64)));
    let review = story.review();
    let entry = review.timeline.iter().find(|entry| entry.key == key).expect("there");
    assert_eq!((entry.fact_type.as_str(), entry.unknown), ("attached", false));
}

#[test]
fn a_reception_says_the_same_in_any_order_of_arrival() {
    let (mut story, mut desk) = story(Matter::Message);
    let mut other = story.writer(13, Role::Assistant);
    let mut colleague = story.technician(31);
    let passing = story.step(&mut desk, "passed_on", json!({ "person": 31, "text": "t" }));
    let seen = story.facts.clone();
    story.step(&mut desk, "reply_promised", json!({ "by_ms": NINE + HOUR }));
    let received = step("message_received", json!({ "passing": passing }));
    story.write_on(&mut colleague, received, &seen);
    story.write_on(&mut other, step("appointed", json!({ "at_ms": NINE })), &seen);
    story.write_on(&mut other, step("reception_reopened", json!({ "text": "t" })), &seen);
    story.facts.push(over(&story, NINE));
    let expected = story.review();
    let mut facts = story.facts.clone();
    for _ in 0..facts.len() {
        facts.rotate_left(1);
        assert_eq!(story.review_of(&facts), expected);
        let reversed: Vec<Fact> = facts.iter().rev().cloned().collect();
        assert_eq!(story.review_of(&reversed), expected);
    }
    assert!(matches!(&of(&expected).passings[0].to, PassedTo::Person(PersonId(31))));
}
