//! Alarms and the inbox.

use super::*;
use crate::model::alarm::{AlarmCreated, AlarmKind};
use crate::model::payload::Payload;
use crate::rules::{InboxItem, InboxKind, Status, inbox};

fn raise() -> Command {
    Command::RaiseAlarm {
        site: SITE,
        alarm: AlarmCreated {
            alarm: AlarmKind::Gas,
            place: "3幢2单元".to_owned(),
            description: None,
            round: None,
        },
    }
}

/// What only the server writes.
fn told(story: &mut Story, person: u32, rank: u32) -> FactKey {
    let key = FactKey::derive(story.record, "alert", &rank.to_string(), 0);
    let payload =
        Payload::from_parts("alerted".to_owned(), json!({ "person": person, "rank": rank }));
    story.facts.push(Fact {
        key,
        wall_ms: story.now_ms,
        monotonic_ms: None,
        seen: Seen::default(),
        after: Some(Vec::new()),
        said_at_ms: None,
        on_behalf_of: None,
        corrects: Vec::new(),
        payload,
        stored_content: None,
    });
    let fact = story.facts.pop().expect("just pushed").store().expect("canonical");
    story.facts.push(fact.parse().expect("a fact"));
    key
}

fn of(review: &Review, person: u32) -> Vec<InboxItem> {
    inbox(review).into_iter().filter(|item| item.person == PersonId(person)).collect()
}

/// R0.17
#[test]
fn an_alarm_goes_to_the_next_2_min_after_the_last_until_somebody_takes_it_on() {
    let mut story = Story::new();
    let mut officer = story.writer(41, Role::PatrolOfficer);
    story.write(&mut officer, raise());
    let alarm = story.review().alarm.expect("an alarm");
    assert_eq!(alarm.next_alert_ms, Some(NINE), "the first is told at once");
    assert_eq!(alarm.raised_by, Some(PersonId(41)));
    told(&mut story, 51, 0);
    assert_eq!(story.review().status_until_ms, Some(NINE + 2 * MINUTE));
    story.after(2 * MINUTE);
    let second = told(&mut story, 52, 1);
    assert_eq!(story.review().status_until_ms, Some(NINE + 4 * MINUTE));
    assert_eq!(of(&story.review(), 51)[0].kind, InboxKind::Alarm);
    assert_eq!(of(&story.review(), 52)[0].kind, InboxKind::Escalated);
    assert!(!of(&story.review(), 52)[0].done);
    let mut guard = story.writer(52, Role::Security);
    story.write(&mut guard, Command::Acknowledge { of: second });
    let review = story.review();
    assert_eq!((review.status, review.status_until_ms), (Status::Acknowledged, None));
    assert_eq!(review.alarm.as_ref().and_then(|a| a.acknowledged_by), Some(PersonId(52)));
    // Taken on by one, it is done for all.
    assert!(of(&review, 51)[0].done);
}

/// R0.19
#[test]
fn nobody_but_the_server_says_whom_an_alarm_was_told_to() {
    let mut story = Story::new();
    let mut officer = story.writer(41, Role::PatrolOfficer);
    story.write(&mut officer, raise());
    let manager = story.writer(14, Role::ProjectManager);
    for (fact_type, content) in [
        ("alerted", json!({ "person": 51, "rank": 0 })),
        ("nobody_left", json!({})),
        ("alarm_withdrawn", json!({ "shown_by": "aebagbafaydqq.1.0" })),
    ] {
        assert_eq!(story.deny(&manager, &step(fact_type, content)), DenialCode::NotYourRole);
    }
    // Over is not for the one who raised it to say.
    let settled = step("alarm_settled", json!({ "text": "阀门已关" }));
    assert_eq!(story.deny(&officer, &settled), DenialCode::NotYourRole);
    let mut guard = story.writer(52, Role::Security);
    story.write(&mut guard, settled);
    assert_eq!(story.review().status, Status::Settled);
}

/// R0.14, R0.15
#[test]
fn the_inbox_tells_of_work_given_and_taken_away_and_read_is_a_fact_of_the_reader() {
    let (mut story, mut desk) = Story::dispatched();
    let [given] = &of(&story.review(), 31)[..] else { panic!("one item") };
    assert_eq!((given.kind, given.read), (InboxKind::Assigned, false));
    let key = given.key;
    // Somebody else's reading is not the person's.
    story.write(&mut desk, Command::Read { of: key });
    assert!(!of(&story.review(), 31)[0].read);
    let mut technician = story.technician(31);
    story.write(&mut technician, Command::Read { of: key });
    assert!(of(&story.review(), 31)[0].read);
    story.write(&mut desk, Command::Assign { person: PersonId(32) });
    let review = story.review();
    let kinds: Vec<InboxKind> = of(&review, 31).iter().map(|item| item.kind).collect();
    assert_eq!(kinds, [InboxKind::Assigned, InboxKind::Reassigned]);
    assert_eq!(of(&review, 32)[0].kind, InboxKind::Assigned);
    assert_eq!(
        story.deny(&technician, &Command::Read { of: FactKey::derive(story.record, "x", "y", 0) }),
        DenialCode::NoSuchFact
    );
}

/// R0.14
#[test]
fn a_question_from_the_office_is_done_when_it_is_answered() {
    let (mut story, mut desk) = Story::dispatched();
    let ask = Command::Ask { person: PersonId(31), text: "几点能到？".to_owned() };
    let question = story.write(&mut desk, ask.clone());
    let mut technician = story.technician(31);
    assert_eq!(story.deny(&technician, &ask), DenialCode::NotYourRole);
    let asked = of(&story.review(), 31);
    let item = asked.iter().find(|item| item.kind == InboxKind::Question).expect("a question");
    assert_eq!((item.text.as_deref(), item.done), (Some("几点能到？"), false));
    let answer = Command::Answer { question, text: "十分钟".to_owned() };
    story.write(&mut technician, answer);
    let asked = of(&story.review(), 31);
    assert!(asked.iter().any(|item| item.kind == InboxKind::Question && item.done));
}

/// R0.15
#[test]
fn to_take_on_a_question_in_an_alarm_is_not_to_take_on_the_alarm() {
    let mut story = Story::new();
    let mut officer = story.writer(41, Role::PatrolOfficer);
    let raised = story.write(&mut officer, raise());
    let mut desk = story.desk();
    let ask = Command::Ask { person: PersonId(41), text: "哪一层？".to_owned() };
    let question = story.write(&mut desk, ask);
    story.write(&mut officer, Command::Acknowledge { of: question });
    let alarm = story.review().alarm.expect("an alarm");
    assert!(alarm.is_waiting());
    // Whoever hears of it first may take it on before anybody was told.
    story.write(&mut desk, Command::Acknowledge { of: raised });
    assert_eq!(story.review().status, Status::Acknowledged);
}

#[test]
fn a_question_in_a_shape_nobody_reads_is_no_way_into_somebodys_phone() {
    let (story, _) = Story::dispatched();
    let technician = story.clone().technician(31);
    let key = FactKey::Written { session: technician.session, n: 1, i: 0 };
    let payload = Payload::from_parts("asked".to_owned(), json!({ "person": 77 }));
    let mut fact = story.facts[0].clone();
    (fact.key, fact.payload, fact.stored_content) = (key, payload, None);
    let denied = crate::rules::permit(
        std::slice::from_ref(&fact),
        Some(&story.review()),
        &principal(&technician),
        Seen { epoch: 1, sequence: 10 },
        story.now_ms,
    );
    assert_eq!(denied.map_err(|denial| denial.code), Err(DenialCode::NotYourRole));
    let mut facts = story.facts.clone();
    facts.push(fact);
    let review = story.review_of(&facts);
    assert!(of(&review, 77).is_empty());
    let audience = crate::model::audience::Audience::User(SITE, PersonId(77));
    assert!(!crate::rules::audiences(&review).contains(&audience));
}
