//! The life of a phone: enrolled anew, shared, signed out, locked, lost and found, revoked.
//! Whatever happens to it, the work that it has called saved is accounted for.

use fieldbook_server::people::directory;
use fieldbook_server::sync::Carrier;
use serde_json::json;
use sync_core::Error;
use sync_core::document::RecordPack;
use sync_core::document::pack::{decode, encode};
use sync_core::model::fact::StoredFact;
use sync_core::model::id::RecordId;
use sync_core::protocol::chain::{HandInRequest, HandInResponse, HandOver, Numbers};
use sync_core::protocol::frame;
use sync_core::protocol::problem::ProblemCode;

use super::phone::{ANSWER, Phone, REQUEST};
use super::stage::{MINUTE_MS, SITE, Stage, notes};

const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

#[tokio::test]
async fn eight_days_offline_and_120_commands_take_two_requests_until_the_token() {
    let stage = Stage::new().await;
    let mut office = stage.office("chen").await;
    let record = office.dispatch(stage.wang, "厨房水管漏水").await;
    let wang = stage.phone(stage.wang).await;
    wang.replica.set_airplane(true).await;
    for n in 0..120 {
        stage.pass_ms(8 * DAY_MS / 120);
        wang.note(record, &format!("第 {n} 条")).await;
    }
    wang.replica.set_airplane(false).await;
    let (requests, tokens) = (wang.wire.requests(), wang.wire.tokens());
    let report = wang.replica.sync_once().await.expect("syncs");
    assert_eq!(wang.wire.tokens() - tokens, 1);
    assert_eq!(wang.wire.requests() - requests, 3, "nonce, token, and everything at once");
    assert_eq!((report.pushed, report.more), (120, false));
    assert_eq!(wang.account().await, [120, 120, 0, 0, 0]);
    let office = stage.office("sun").await;
    let review = stage.all_equal(&office, &[&wang], record).await;
    let entries = review["timeline"].as_array().expect("a list").iter();
    let notes = entries.filter_map(|entry| entry["content"]["text"].as_str());
    let expected: Vec<String> = (0..120).map(|n| format!("第 {n} 条")).collect();
    assert_eq!(notes.collect::<Vec<_>>(), expected);
    assert_eq!(stage.app.sync.desk_cases(0, 100, true).await.expect("reads"), []);
}

/// Everybody's notes on the record, as the server has it.
async fn notes_of(stage: &Stage, record: RecordId) -> Vec<String> {
    notes(&stage.review(record).await).into_iter().map(str::to_owned).collect()
}

async fn refused_as(phone: &Phone, code: &str) {
    let answered = phone.replica.sync_once().await;
    let told = matches!(&answered, Err(Error::SignInAgain { code: told }) if told == code);
    assert!(told, "{answered:?}");
}

/// Wang's phone with an order on it.
async fn wang_with_an_order(stage: &Stage) -> (Phone, RecordId) {
    let mut office = stage.office("chen").await;
    let record = office.dispatch(stage.wang, "厨房水管漏水").await;
    (stage.phone(stage.wang).await, record)
}

#[tokio::test]
async fn a_worker_who_enrols_anew_loses_nothing_and_the_account_closes() {
    let stage = Stage::new().await;
    let (wang, record) = wang_with_an_order(&stage).await;
    let mut office = stage.office("sun").await;
    let mut root = stage.office("root").await;
    wang.note(record, "一").await;
    wang.sync().await;
    wang.note(record, "二").await;
    let first = wang.device;
    root.must(&format!("/v1/devices/{first}/revoke"), json!({})).await;
    refused_as(&wang, "device_revoked").await;
    // Another session, which the server has never heard of.
    let mut wang = wang.reopen().await;
    wang.note(record, "三").await;
    office.order(record, "note", json!({ "text": "前台" })).await;

    stage.enrol_on(&mut wang, stage.wang).await;
    assert_ne!(wang.device, first);
    assert_eq!(wang.account().await, [3, 1, 0, 0, 2]);
    wang.note(record, "四").await;
    // The answer to what is handed in is lost once, and the app starts anew.
    wang.wire.lose_hand_ins(ANSWER);
    wang.replica.sync_once().await.expect("goes on with its own");
    wang.wire.lose_hand_ins(0);
    let wang = wang.reopen().await;
    wang.sync().await;
    assert_eq!(wang.account().await, [4, 4, 0, 0, 0]);
    assert_eq!(stage.account(first).await, [3, 3, 0, 0, 0]);
    assert_eq!(stage.account(wang.device).await, [1, 1, 0, 0, 0]);
    let review = stage.all_equal(&office, &[&wang], record).await;
    // The desk's note and the third knew nothing of one another: either may come first.
    let own: Vec<&str> = notes(&review).into_iter().filter(|text| *text != "前台").collect();
    assert_eq!(own, ["一", "二", "三", "四"]);
    assert_eq!(stage.app.sync.desk_cases(0, 100, true).await.expect("reads"), []);
    // There is nothing left to hand in.
    assert_eq!(wang.wire.handed_in().len(), 2);
    let wang = wang.reopen().await;
    wang.sync().await;
    assert_eq!(wang.wire.handed_in().len(), 2);
}

#[tokio::test]
async fn another_session_hands_in_and_never_reads_the_receipts() {
    let stage = Stage::new().await;
    let (mut phone, record) = wang_with_an_order(&stage).await;
    let first = phone.device;
    phone.note(record, "一").await;
    phone.note(record, "二").await;
    phone.replica.sign_out(true).await.expect("signs out");
    stage.enrol_on(&mut phone, stage.li).await;
    phone.sync().await;
    assert_eq!(notes_of(&stage, record).await, ["一", "二"]);
    assert_eq!(stage.account(first).await, [2, 2, 0, 0, 0]);
    assert_eq!(stage.account(phone.device).await, [0, 0, 0, 0, 0]);
    assert_eq!(phone.account().await, [0, 0, 0, 0, 0]);
    assert_eq!(phone.replica.list().await, []);
    let [(_, answer)] = &phone.wire.handed_in()[..] else { panic!("handed in once") };
    let answer: HandInResponse = frame::open(answer).expect("an answer");
    assert_eq!(answer.stored, [Numbers { from: 1, to: 2 }]);
    assert_eq!(answer.receipts, None, "they are Wang's");
    let authors: Vec<(u32, u32)> =
        sqlx::query_as("select person, device from change where number is not null and device = ?")
            .bind(first)
            .fetch_all(stage.app.db.reader())
            .await
            .expect("reads");
    assert_eq!(authors, [(stage.wang.0, first), (stage.wang.0, first)]);
}

#[tokio::test]
async fn an_altered_cut_or_reordered_chain_stores_nothing() {
    let stage = Stage::new().await;
    let (mut phone, record) = wang_with_an_order(&stage).await;
    let first = phone.device;
    for text in ["一", "二", "三"] {
        phone.note(record, text).await;
    }
    phone.replica.sign_out(true).await.expect("signs out");
    stage.enrol_on(&mut phone, stage.li).await;
    phone.wire.lose_hand_ins(REQUEST);
    phone.replica.sync_once().await.expect("goes on with its own");
    let (body, _) = phone.wire.handed_in().pop().expect("was on its way");
    let request: HandInRequest = frame::open(&body).expect("a request");
    let [pack] = &decode(&request.hand_over.packs).expect("packs")[..] else { panic!("a pack") };
    let forged = |alter: &dyn Fn(&mut RecordPack)| {
        let mut pack = pack.clone();
        alter(&mut pack);
        HandOver { packs: encode(&[pack]), ..request.hand_over.clone() }
    };
    let by = Carrier::Office(stage.app.act());
    for (what, hand_over) in [
        (
            "altered",
            forged(&|pack| {
                let fact = &mut pack.changes[1].facts[0];
                fact.json = fact.json.replace("二", "贰");
            }),
        ),
        (
            "cut",
            forged(&|pack| {
                pack.changes.pop();
            }),
        ),
        (
            "reordered",
            forged(&|pack| {
                let (one, two) = (pack.changes[0].facts.clone(), pack.changes[1].facts.clone());
                let swapped = |mut facts: Vec<StoredFact>, json: &str| {
                    facts[0].json = json.to_owned();
                    facts
                };
                pack.changes[0].facts = swapped(one.clone(), &two[0].json);
                pack.changes[1].facts = swapped(two, &one[0].json);
            }),
        ),
        ("another's", {
            let mut hand_over = request.hand_over.clone();
            hand_over.certificate.person = stage.li;
            hand_over
        }),
    ] {
        let answered = stage.app.sync.hand_in(by, &hand_over).await;
        let code = match answered {
            Err(fieldbook_server::Error::Problem { code, .. }) => code,
            other => panic!("{what}: {other:?}"),
        };
        assert_eq!(code, ProblemCode::ChainBroken, "{what}");
        assert_eq!(stage.account(first).await, [0, 0, 0, 0, 0], "{what}");
        assert_eq!(notes_of(&stage, record).await, [] as [&str; 0], "{what}");
    }
    phone.wire.lose_hand_ins(0);
    phone.sync().await;
    assert_eq!(notes_of(&stage, record).await, [] as [&str; 0], "not at once");
    stage.pass_ms(MINUTE_MS);
    phone.sync().await;
    assert_eq!(notes_of(&stage, record).await, ["一", "二", "三"]);
}

#[tokio::test]
async fn sign_out_with_unsent_work_is_refused_unless_handed_over() {
    let stage = Stage::new().await;
    let (mut phone, record) = wang_with_an_order(&stage).await;
    phone.note(record, "一").await;
    let unsent =
        |result: &Result<(), Error>| matches!(result, Err(Error::UnsentWork { commands: 1 }));
    assert!(unsent(&phone.replica.sign_out(false).await));
    let code = stage.code(stage.li).await;
    let enrolled = phone.replica.enrol(&code, "Redmi", None).await.map(|_| ());
    assert!(unsent(&enrolled), "{enrolled:?}");
    assert_eq!(phone.replica.identity().await.expect("still Wang's").0, stage.wang);
    assert_eq!(notes(&phone.review(record).await), ["一"]);

    phone.replica.sign_out(true).await.expect("signs out");
    assert_eq!(phone.replica.identity().await, None);
    assert_eq!(phone.replica.list().await, []);
    // Li's code is good yet.
    assert_eq!(phone.replica.enrol(&code, "Redmi", None).await.expect("enrols"), stage.li);
    assert!(phone.replica.review(record).await.expect("reads").is_none());
    phone.sync().await;
    assert_eq!(notes_of(&stage, record).await, ["一"]);
    // Nothing unsent: nothing to ask. Wang comes back, and the numbers go on.
    phone.replica.sign_out(false).await.expect("signs out");
    stage.enrol_on(&mut phone, stage.wang).await;
    phone.sync().await;
    assert_eq!(phone.note(record, "二").await.n, 2);
    phone.sync().await;
    assert_eq!(stage.account(phone.device).await, [1, 1, 0, 0, 0]);
    assert_eq!(notes(&phone.review(record).await), ["一", "二"]);
}

#[tokio::test]
async fn an_alarm_of_the_former_device_holds_up_neither_itself_nor_anything_else() {
    let stage = Stage::new().await;
    let (mut wang, record) = wang_with_an_order(&stage).await;
    wang.note(record, "一").await;
    let alarm = json!({ "command": "raise_alarm", "site": SITE, "alarm": "gas", "place": "3幢" });
    let alarm = wang.open(alarm).await.record;
    stage.enrol_on(&mut wang, stage.wang).await;
    wang.sync().await;
    assert_eq!(wang.account().await, [2, 2, 0, 0, 0]);
    assert_eq!(stage.review(alarm).await["status"], "raised");
}

#[tokio::test]
async fn a_phone_that_was_taken_over_is_nobodys_once_the_second_person_signs_out() {
    let stage = Stage::new().await;
    let (mut phone, record) = wang_with_an_order(&stage).await;
    phone.note(record, "一").await;
    phone.sync().await;
    stage.enrol_on(&mut phone, stage.li).await;
    assert_eq!(phone.replica.list().await, []);
    phone.sync().await;
    phone.replica.sign_out(false).await.expect("signs out");
    assert_eq!(phone.replica.identity().await, None);
    let phone = phone.reopen().await;
    assert_eq!(phone.replica.identity().await, None, "nor Wang's");
    assert_eq!(phone.replica.list().await, []);
}

#[tokio::test]
async fn a_number_beyond_what_is_held_exactly_is_refused() {
    let stage = Stage::new().await;
    let (mut phone, record) = wang_with_an_order(&stage).await;
    let first = phone.device;
    phone.note(record, "一").await;
    phone.replica.sign_out(true).await.expect("signs out");
    stage.enrol_on(&mut phone, stage.li).await;
    phone.wire.lose_hand_ins(REQUEST);
    phone.replica.sync_once().await.expect("goes on with its own");
    let (body, _) = phone.wire.handed_in().pop().expect("was on its way");
    let request: HandInRequest = frame::open(&body).expect("a request");
    let mut hand_over = request.hand_over;
    hand_over.told.highest_number = u64::MAX;
    let by = Carrier::Office(stage.app.act());
    match stage.app.sync.hand_in(by, &hand_over).await {
        Err(fieldbook_server::Error::Problem { code: ProblemCode::Malformed, .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(stage.account(first).await, [0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_revoked_phone_is_purged_only_after_its_hand_in_is_acknowledged() {
    let stage = Stage::new().await;
    let (mut phone, record) = wang_with_an_order(&stage).await;
    let mut root = stage.office("root").await;
    phone.note(record, "一").await;
    root.must(&format!("/v1/devices/{}/revoke", phone.device), json!({})).await;
    refused_as(&phone, "device_revoked").await;
    assert_eq!(notes(&phone.review(record).await), ["一"], "it is here alone");
    phone.replica.sign_out(true).await.expect("signs out");
    stage.enrol_on(&mut phone, stage.li).await;
    // Neither a lost request nor a lost answer is an acknowledgement.
    for lost in [REQUEST, ANSWER] {
        phone.wire.lose_hand_ins(lost);
        stage.pass_ms(MINUTE_MS);
        phone.replica.sync_once().await.expect("goes on with its own");
    }
    phone.wire.lose_hand_ins(0);
    let phone = phone.reopen().await;
    phone.sync().await;
    assert_eq!(phone.wire.handed_in().len(), 3, "it was still there");
    assert_eq!(notes_of(&stage, record).await, ["一"]);
    let phone = phone.reopen().await;
    phone.sync().await;
    assert_eq!(phone.wire.handed_in().len(), 3, "it is gone");

    // With nothing unsent there is nothing to wait for.
    let wang = stage.phone(stage.wang).await;
    wang.note(record, "二").await;
    wang.sync().await;
    assert_eq!(wang.replica.list().await.len(), 1);
    root.must(&format!("/v1/devices/{}/revoke", wang.device), json!({})).await;
    refused_as(&wang, "device_revoked").await;
    assert_eq!(wang.replica.list().await, []);
    assert_eq!(wang.replica.identity().await, None);
    let wang = wang.reopen().await;
    assert!(wang.replica.identity().await.is_none());
}

#[tokio::test]
async fn a_lost_phone_that_is_found_sends_what_it_has() {
    let stage = Stage::new().await;
    let (phone, record) = wang_with_an_order(&stage).await;
    let mut root = stage.office("root").await;
    phone.note(record, "一").await;
    for (shut, code, opened) in
        [("lost", "device_lost", "found"), ("lock", "device_locked", "unlock")]
    {
        root.must(&format!("/v1/devices/{}/{shut}", phone.device), json!({})).await;
        refused_as(&phone, code).await;
        phone.note(record, "二").await;
        assert_eq!(
            notes_of(&stage, record).await.len() as u64 + phone.account().await[4],
            phone.account().await[0],
            "{code}: all of it is somewhere"
        );
        root.must(&format!("/v1/devices/{}/{opened}", phone.device), json!({})).await;
        phone.replica.try_again().await;
        phone.sync().await;
        assert_eq!(phone.account().await[4], 0, "{code}");
    }
    assert_eq!(notes_of(&stage, record).await, ["一", "二", "二"]);
    assert_eq!(stage.account(phone.device).await, [3, 3, 0, 0, 0]);
}

#[tokio::test]
async fn a_disabled_persons_unsent_work_waits_for_the_office() {
    let stage = Stage::new().await;
    let (mut phone, record) = wang_with_an_order(&stage).await;
    let first = phone.device;
    phone.note(record, "一").await;
    phone.note(record, "二").await;
    let mut conn = stage.app.db.begin_write().await.expect("begins");
    directory::disable(&mut conn, stage.app.act(), stage.wang).await.expect("disabled");
    conn.commit().await.expect("commits");
    refused_as(&phone, "account_disabled").await;
    phone.replica.sign_out(true).await.expect("signs out");
    stage.enrol_on(&mut phone, stage.li).await;
    phone.sync().await;
    assert_eq!(notes_of(&stage, record).await, [] as [&str; 0]);
    assert_eq!(stage.account(first).await, [2, 0, 0, 2, 0]);
    let cases = stage.app.sync.desk_cases(0, 100, false).await.expect("reads");
    let [case] = &cases[..] else { panic!("one case: {cases:?}") };
    assert_eq!(case.code.as_deref(), Some("account_disabled"));
    assert_eq!((case.record, case.person, case.from, case.to), (Some(record), stage.wang, 1, 2));
    let mut office = stage.office("sun").await;
    let word = json!({ "decision": "accept_after_all", "reason": "工作已做完" });
    office.must(&format!("/v1/office/desk-cases/{}/close", case.case), word).await;
    assert_eq!(notes_of(&stage, record).await, ["一", "二"]);
    assert_eq!(stage.account(first).await, [2, 2, 0, 0, 0]);
}

#[tokio::test]
async fn an_exported_outbox_is_imported_twice_with_the_effect_of_once() {
    let stage = Stage::new().await;
    let (phone, record) = wang_with_an_order(&stage).await;
    phone.note(record, "一").await;
    phone.note(record, "二").await;
    let parcel = phone.replica.parcel().await.expect("reads");
    let file = data_encoding::BASE64.encode(&parcel.bytes);
    let mut office = stage.office("sun").await;
    let mut altered = parcel.bytes.clone();
    *altered.last_mut().expect("bytes") ^= 1;
    let altered = data_encoding::BASE64.encode(&altered);
    for (file, code, status, why) in [
        (&file, "AAAQE-AYEAU-DAOCA-JBIFQ-YDIOB-4", 422, "parcel_code_wrong"),
        (&file, "AAAQE", 422, "parcel_code_wrong"),
        (&altered, &parcel.code, 422, "parcel_altered"),
        (&"AAAA".to_owned(), &parcel.code, 400, "malformed"),
        (&"?".to_owned(), &parcel.code, 400, "malformed"),
    ] {
        let body = json!({ "file": file, "code": code });
        let answer = office.post("/v1/office/hand-ins", &body).await;
        assert_eq!((answer.0, &answer.1["code"]), (status, &json!(why)));
    }
    assert_eq!(notes_of(&stage, record).await, [] as [&str; 0]);
    for _ in 0..2 {
        let body = json!({ "file": file, "code": parcel.code });
        let answer = office.must("/v1/office/hand-ins", body).await;
        let (person, device) = (stage.wang, phone.device);
        let stored = json!([{ "person": person, "device": device, "from": 1, "to": 2 }]);
        assert_eq!(answer, json!({ "items": stored, "refused": [] }));
        assert_eq!(phone.account().await, [2, 0, 0, 0, 2], "the phone keeps its copy");
        assert_eq!(notes_of(&stage, record).await, ["一", "二"]);
        assert_eq!(stage.account(phone.device).await, [2, 2, 0, 0, 0]);
    }
    let rows = "select count(*) from audit where act = 'work_handed_in'";
    let rows: i64 = sqlx::query_scalar(rows).fetch_one(stage.app.db.reader()).await.expect("reads");
    assert_eq!(rows, 1, "who brought it, once: the second time brought nothing new");
    // The phone, which knows nothing of it, sends the same and more.
    phone.note(record, "三").await;
    phone.sync().await;
    assert_eq!(phone.account().await, [3, 3, 0, 0, 0]);
    assert_eq!(stage.account(phone.device).await, [3, 3, 0, 0, 0]);
    let review = stage.all_equal(&office, &[&phone], record).await;
    assert_eq!(notes(&review), ["一", "二", "三"]);
    assert_eq!(stage.app.sync.desk_cases(0, 100, true).await.expect("reads"), []);
}
