//! A phone's store that was restored to an earlier copy, or runs on two phones: both works are kept
//! and stand apart, the office has a case, and the phone is told to enrol anew before it writes on.

use sync_core::model::id::{DeviceId, RecordId};

use super::phone::Phone;
use super::stage::{MINUTE_MS, Stage, notes};

async fn wang_with_an_order(stage: &Stage) -> (Phone, RecordId) {
    let mut office = stage.office("chen").await;
    let record = office.dispatch(stage.wang, "厨房水管漏水").await;
    let phone = stage.phone(stage.wang).await;
    phone.note(record, "一").await;
    phone.sync().await;
    (phone, record)
}

async fn notes_of(stage: &Stage, record: RecordId) -> Vec<String> {
    let mut notes: Vec<String> =
        notes(&stage.review(record).await).into_iter().map(str::to_owned).collect();
    notes.sort();
    notes
}

/// Code, first and last number of every clone case of the device, open or not.
async fn clones(stage: &Stage, device: u32) -> Vec<(String, u64, u64)> {
    let cases = stage.app.sync.desk_cases(0, 100, true).await.expect("reads");
    let of = cases.into_iter().filter(|case| case.device == DeviceId(device));
    of.filter(|case| case.kind == "clone")
        .map(|case| (case.code.unwrap_or_default(), case.from, case.to))
        .collect()
}

/// R0.30
#[tokio::test]
async fn one_store_on_two_phones_is_told_before_the_second_writes_and_both_works_are_kept() {
    let stage = Stage::new().await;
    let (first, record) = wang_with_an_order(&stage).await;
    let device = first.device;
    let (mut first, saved) = first.saved().await;
    let mut second = stage.phone_from(&saved, device).await;
    second.note(record, "乙二").await;
    assert!(!second.sync().await.re_enrol, "nobody can know yet");
    stage.pass_ms(MINUTE_MS);
    assert!(first.sync().await.re_enrol, "before it has written anything");
    assert_eq!(clones(&stage, device).await, [("earlier_copy".to_owned(), 2, 2)]);
    assert!(second.sync().await.re_enrol, "both are told");
    assert_eq!(clones(&stage, device).await.len(), 1, "one case");

    // It has no signal at the desk and writes on with the old identity all the same.
    first.replica.set_airplane(true).await;
    first.note(record, "甲二").await;
    first.note(record, "甲三").await;
    first.replica.set_airplane(false).await;
    second.note(record, "乙三").await;
    for phone in [&mut first, &mut second] {
        stage.enrol_on(phone, stage.wang).await;
        phone.sync().await;
        assert!(!phone.sync().await.re_enrol, "it is itself again");
    }
    assert_ne!(first.device, second.device);
    first.note(record, "甲四").await;
    second.note(record, "乙四").await;
    first.sync().await;
    second.sync().await;
    let expected = ["一", "甲二", "甲三", "甲四", "乙二", "乙三", "乙四"];
    let mut expected = expected.map(str::to_owned);
    expected.sort();
    assert_eq!(notes_of(&stage, record).await, expected);
    for phone in [&first, &second] {
        assert_eq!(phone.account().await[4], 0, "nothing is left on it");
    }
    let checked = stage.app.sync.check().await.expect("checks");
    assert_eq!(checked.mismatches, []);
}

/// R0.30
#[tokio::test]
async fn a_store_restored_to_an_earlier_copy_is_told_at_its_first_contact() {
    let stage = Stage::new().await;
    let (phone, record) = wang_with_an_order(&stage).await;
    let device = phone.device;
    let (phone, saved) = phone.saved().await;
    phone.note(record, "二").await;
    phone.note(record, "三").await;
    phone.sync().await;
    stage.pass_ms(MINUTE_MS);
    let mut phone = phone.restored(&saved).await;
    assert!(phone.sync().await.re_enrol);
    assert_eq!(clones(&stage, device).await, [("earlier_copy".to_owned(), 2, 3)]);
    assert_eq!(notes(&phone.review(record).await).len(), 3, "it was served what it had lost");
    phone.note(record, "另二").await;
    stage.enrol_on(&mut phone, stage.wang).await;
    phone.sync().await;
    let mut expected = ["一", "二", "三", "另二"].map(str::to_owned);
    expected.sort();
    assert_eq!(notes_of(&stage, record).await, expected);
    assert_eq!(phone.account().await[4], 0);
}

#[tokio::test]
async fn a_phone_that_starts_anew_or_reboots_is_no_copy() {
    let stage = Stage::new().await;
    let (phone, record) = wang_with_an_order(&stage).await;
    let device = phone.device;
    let phone = phone.reopen().await;
    assert!(!phone.sync().await.re_enrol);
    phone.clock.reboot();
    stage.pass_ms(MINUTE_MS);
    assert!(!phone.sync().await.re_enrol);
    phone.note(record, "二").await;
    phone.clock.reboot();
    assert!(!phone.sync().await.re_enrol);
    assert_eq!(clones(&stage, device).await, []);
}

/// R0.31
#[tokio::test]
async fn what_a_reinstalled_phone_had_not_sent_is_listed_until_it_is_handed_in() {
    let stage = Stage::new().await;
    let (phone, record) = wang_with_an_order(&stage).await;
    let device = phone.device;
    phone.note(record, "二").await;
    phone.note(record, "三").await;
    // It tells of them, and they do not arrive: the server has them in its account only.
    let mut conn = stage.app.db.begin_write().await.expect("begins");
    sqlx::query("update device set highest_number = 3, unsent = 2 where device = ?")
        .bind(device)
        .execute(&mut *conn)
        .await
        .expect("as a report does");
    conn.commit().await.expect("commits");
    let gaps = async || {
        let cases = stage.app.sync.desk_cases(0, 100, false).await.expect("reads");
        let gaps = cases.into_iter().filter(|case| case.kind == "number_gap");
        gaps.map(|case| (case.device.0, case.from, case.to, case.code.unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    // The app is installed anew: an empty store, the same person.
    let anew = stage.phone(stage.wang).await;
    assert_ne!(anew.device, device);
    assert_eq!(gaps().await, [(device, 2, 3, "enrolled_elsewhere".to_owned())]);
    assert_eq!(stage.account(device).await, [3, 1, 0, 0, 2], "nothing of it is overwritten");
    anew.note(record, "新一").await;
    anew.sync().await;
    assert_eq!(gaps().await.len(), 1, "told once");
    // The old phone's outbox is found after all.
    let parcel = phone.replica.parcel().await.expect("reads");
    let act = stage.app.act();
    stage.app.sync.take_parcel(act, &parcel.bytes, &parcel.code).await.expect("takes");
    assert_eq!(gaps().await, []);
    assert_eq!(stage.account(device).await, [3, 3, 0, 0, 0]);
    let mut expected = ["一", "二", "三", "新一"].map(str::to_owned);
    expected.sort();
    assert_eq!(notes_of(&stage, record).await, expected);
}

#[tokio::test]
async fn enrolled_anew_on_the_same_phone_no_gap_is_told_while_its_work_is_on_its_way() {
    let stage = Stage::new().await;
    let (mut phone, record) = wang_with_an_order(&stage).await;
    phone.note(record, "二").await;
    stage.enrol_on(&mut phone, stage.wang).await;
    phone.wire.lose_hand_ins(super::phone::REQUEST);
    phone.replica.sync_once().await.expect("goes on with its own");
    let gaps = async || {
        let cases = stage.app.sync.desk_cases(0, 100, true).await.expect("reads");
        cases.into_iter().filter(|case| case.kind == "number_gap").count()
    };
    assert_eq!(gaps().await, 0, "it is set aside, not lost");
    phone.wire.lose_hand_ins(0);
    stage.pass_ms(MINUTE_MS);
    phone.sync().await;
    assert_eq!(gaps().await, 0);
    assert_eq!(notes_of(&stage, record).await.len(), 2);
}
