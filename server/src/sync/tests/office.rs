//! Office commands, and the contacts that orders name.

use sync_core::model::contact::ContactCreated;
use sync_core::model::id::FactKey;
use sync_core::model::work_order::{Category, Priority, WorkOrderCreated};
use sync_core::rules::Command;

use super::*;

/// Chen's cookie session: a device of its own.
const COOKIE: SessionId = SessionId([0xc1; 8]);
const COOKIE_DEVICE: DeviceId = DeviceId(40);

impl World {
    async fn with_cookie() -> Self {
        let world = Self::new().await;
        let mut transaction = world.sync.shared.database.begin_write().await.expect("begins");
        sqlx::query(
            "insert into device (device, person, name, enrolled_ms) values (40, 12, 'cookie', 0)",
        )
        .execute(&mut *transaction)
        .await
        .expect("inserts");
        sqlx::query(
            "insert into office_session (secret_hash, person, device, session, csrf, created_ms,
               last_used_ms, expires_ms) values (x'00', 12, 40, ?, '', 0, 0, 0)",
        )
        .bind(COOKIE.0.to_vec())
        .execute(&mut *transaction)
        .await
        .expect("inserts");
        transaction.commit().await.expect("commits");
        world
    }

    async fn command(&self, record: Option<RecordId>, command: Command) -> Result<OfficeWritten> {
        let (person, device, session) = (CHEN, COOKIE_DEVICE, COOKIE);
        self.sync.office(OfficeWrite { person, device, session, record, command }).await
    }

    async fn contact(&self) -> RecordId {
        let contact = ContactCreated {
            unit: Some("3-2-1501".to_owned()),
            name: "王小明".to_owned(),
            phones: vec!["13800000000".to_owned()],
            relation: None,
            salt: "c2FsdHNhbHRzYWx0c2FsdA".to_owned(),
        };
        let command = Command::CreateContact { site: SITE, contact };
        self.command(None, command).await.expect("creates").record
    }

    async fn office_order(&self, contact: Option<RecordId>) -> RecordId {
        let order = WorkOrderCreated {
            category: Category::Household,
            unit: Some("3-2-1501".to_owned()),
            group: None,
            place: None,
            contact,
            description: "厨房水管漏水".to_owned(),
            priority: Priority::Urgent,
            reported_at_ms: None,
            round: None,
            reception: None,
        };
        let command = Command::CreateWorkOrder { site: SITE, order };
        self.command(None, command).await.expect("creates").record
    }

    async fn assign(&self, record: RecordId, person: PersonId) -> OfficeWritten {
        let command = Command::Assign { person };
        self.command(Some(record), command).await.expect("assigns")
    }
}

#[tokio::test]
async fn an_office_command_is_a_change_like_any_other() {
    let world = World::with_cookie().await;
    let record = world.office_order(None).await;
    let written = world.assign(record, WANG).await;
    assert_eq!((written.record, written.number), (record, 2));
    let (facts, sessions, review) =
        world.sync.read(record).await.expect("reads").expect("is there");
    assert_eq!(review.assignee(), Some(WANG));
    let keys: Vec<FactKey> = facts.iter().map(|fact| fact.key).collect();
    let key = |n| FactKey::Written { session: COOKIE, n, i: 0 };
    assert_eq!(keys, [key(1), key(2)]);
    assert_eq!(facts[1].parse().expect("parses").seen.sequence, 4_481);
    assert_eq!(sessions[&COOKIE].person, CHEN);
    let mut wang = Phone::new(WANG, 9);
    world.settle(&mut wang).await;
    assert_eq!(wang.records[&record].facts().len(), 2);
    assert_eq!(world.count("select count(*) from work_order where assignee = 31").await, 1);
    assert_eq!(world.count("select count(*) from receipt").await, 0, "a cookie has none");
    world.checked().await;
}

#[tokio::test]
async fn a_denied_command_uses_no_number() {
    let world = World::with_cookie().await;
    let record = world.office_order(None).await;
    let command = Command::Resolve {
        field: "assignee".to_owned(),
        value: json!(31),
        reason: "no conflict there".to_owned(),
    };
    let denied = world.command(Some(record), command).await;
    assert!(matches!(denied, Err(Error::Denied(_))), "{denied:?}");
    assert_eq!(world.assign(record, WANG).await.number, 2);
    let nowhere = world.command(Some(RecordId([9; 16])), Command::Assign { person: WANG }).await;
    assert!(matches!(nowhere, Err(Error::Denied(_))), "{nowhere:?}");
}

#[tokio::test]
async fn an_ended_cookie_session_writes_nothing() {
    let world = World::with_cookie().await;
    let (person, device, session) = (LI, COOKIE_DEVICE, COOKIE);
    let command = Command::Note { text: "x".to_owned() };
    let record = Some(RecordId([9; 16]));
    let write = OfficeWrite { person, device, session, record, command };
    let denied = world.sync.office(write).await;
    assert!(matches!(denied, Err(Error::Problem { code: ProblemCode::NotSignedIn, .. })));
}

#[tokio::test]
async fn office_and_phone_meet_in_one_record_whoever_restarts() {
    let mut world = World::with_cookie().await;
    let record = world.office_order(None).await;
    world.assign(record, WANG).await;
    let mut wang = Phone::new(WANG, 9);
    world.settle(&mut wang).await;
    wang.write(record, "received", json!({}));
    let command = Command::Note { text: "customer waits".to_owned() };
    world.command(Some(record), command.clone()).await.expect("notes");
    world.settle(&mut wang).await;
    world.restart(Arc::new(NoHooks)).await;
    world.command(Some(record), command).await.expect("notes");
    world.settle(&mut wang).await;
    assert_eq!(wang.told, BTreeMap::from([(1, Outcome::Entered)]));
    let (facts, ..) = world.sync.read(record).await.expect("reads").expect("is there");
    let facts: BTreeMap<_, _> = facts.into_iter().map(|fact| (fact.key, fact.json)).collect();
    assert_eq!(wang.records[&record].facts(), facts);
    let actors = "select count(distinct actor) from change";
    assert_eq!(world.count(actors).await, 3, "each start of the server has its own");
    world.checked().await;
}

/// R0.9
#[tokio::test]
async fn a_contact_comes_and_goes_with_the_order_that_names_it() {
    let world = World::with_cookie().await;
    let contact = world.contact().await;
    let order = world.office_order(Some(contact)).await;
    let (mut wang, mut li) = (Phone::new(WANG, 9), Phone::new(LI, 10));
    world.settle(&mut wang).await;
    assert!(wang.holds().is_empty());
    world.assign(order, WANG).await;
    world.settle(&mut wang).await;
    assert_eq!(wang.holds().into_keys().collect::<BTreeSet<_>>(), BTreeSet::from([contact, order]));
    // A second order with the same contact keeps it with Wang when the first goes to Li.
    let second = world.office_order(Some(contact)).await;
    world.assign(second, WANG).await;
    world.assign(order, LI).await;
    world.settle(&mut wang).await;
    world.settle(&mut li).await;
    let holds = |phone: &Phone| phone.holds().into_keys().collect::<BTreeSet<_>>();
    assert_eq!(holds(&wang), BTreeSet::from([contact, second]));
    assert_eq!(holds(&li), BTreeSet::from([contact, order]));
    world.assign(second, LI).await;
    world.settle(&mut wang).await;
    assert_eq!(holds(&wang), BTreeSet::new());
    assert!(wang.records[&contact].left && wang.records[&order].left);
    world.checked().await;
}

/// R0.9
#[tokio::test]
async fn the_contacts_of_a_unit_come_and_go_with_an_open_record_of_it() {
    let world = World::with_cookie().await;
    let contact = world.contact().await;
    let open = json!({
        "command": "open", "site": 7, "kind": "reception", "channel": "phone",
        "matter": "message", "by_caller_id": false, "unit": "3-2-1501",
        "description": "请王师傅回电",
    });
    let open: Command = serde_json::from_value(open).expect("a command");
    let reception = world.command(None, open).await.expect("opens").record;
    let step = |name: &str, content: serde_json::Value| -> Command {
        let fact = json!({ "t": name, "p": content });
        serde_json::from_value(json!({ "command": "record", "fact": fact })).expect("a command")
    };
    let (mut wang, mut li) = (Phone::new(WANG, 9), Phone::new(LI, 10));
    let passed = step("passed_on", json!({ "person": 31, "text": "请回电" }));
    world.command(Some(reception), passed).await.expect("passes on");
    world.settle(&mut wang).await;
    world.settle(&mut li).await;
    let holds = |phone: &Phone| phone.holds().into_keys().collect::<BTreeSet<_>>();
    assert_eq!(holds(&wang), BTreeSet::from([contact, reception]));
    assert_eq!(holds(&li), BTreeSet::new());
    // A second occupant comes later; of another unit nothing comes.
    let second = world.contact().await;
    world.settle(&mut wang).await;
    assert_eq!(holds(&wang), BTreeSet::from([contact, second, reception]));
    let closed = step("reception_closed", json!({ "text": "已回电" }));
    world.command(Some(reception), closed).await.expect("closes");
    world.settle(&mut wang).await;
    assert_eq!(holds(&wang), BTreeSet::from([reception]), "withdrawn with the work");
    assert!(wang.records[&contact].left && wang.records[&second].left);
    let reopened = step("reception_reopened", json!({ "text": "再次来电" }));
    world.command(Some(reception), reopened).await.expect("reopens");
    let elsewhere = Command::Set { field: "unit".to_owned(), value: json!("3-2-1502"), salt: None };
    world.settle(&mut wang).await;
    assert_eq!(holds(&wang).len(), 3);
    world.command(Some(reception), elsewhere).await.expect("moves");
    world.settle(&mut wang).await;
    assert_eq!(holds(&wang), BTreeSet::from([reception]));
    world.checked().await;
}

#[tokio::test]
async fn a_contact_that_comes_after_its_order_finds_its_readers() {
    let world = World::with_cookie().await;
    // The order names a contact that another phone has not sent yet.
    let mut chen = Phone::new(CHEN, 1);
    let contact = RecordId::by_hand("contact", SITE, chen.session, 1);
    chen.number = 1;
    let (order, _) = chen.open_order(Some(contact));
    let (fact_type, payload) = set("assignee", json!(31));
    chen.write(order, fact_type, payload);
    world.settle(&mut chen).await;
    let mut wang = Phone::new(WANG, 9);
    world.settle(&mut wang).await;
    assert_eq!(wang.holds().len(), 1);
    let mut late = Phone::new(CHEN, 1);
    let created = json!({
        "kind": "contact", "site": SITE.0, "schema": 1, "name": "王小明",
        "phones": ["13800000000"], "salt": "c2FsdHNhbHRzYWx0c2FsdA", "unit": "3-2-1501",
    });
    late.write(contact, "created", created);
    world.sync(&late).await;
    world.settle(&mut wang).await;
    assert!(wang.holds().contains_key(&contact));
    assert_eq!(world.count("select count(*) from contact_card").await, 1);
    world.checked().await;
}
