//! A backup takes the database's place: what was given, revoked and ended since stays so, and
//! nothing that anybody wrote since is lost.

use fieldbook_server::people::device::{self, Befalls};
use fieldbook_server::people::grant::{self, NewGrant};
use fieldbook_server::people::{Act, directory};
use serde_json::json;
use sqlx::SqliteConnection;
use sync_core::Error;
use sync_core::model::id::{DeviceId, RecordId};
use sync_core::model::person::Role;

use super::phone::Phone;
use super::stage::{MINUTE_MS, SITE, Stage, notes};

async fn refused_as(phone: &Phone, code: &str) {
    let answered = phone.replica.sync_once().await;
    let told = matches!(&answered, Err(Error::SignInAgain { code: told }) if told == code);
    assert!(told, "{code}: {answered:?}");
}

async fn notes_of(stage: &Stage, record: RecordId) -> Vec<String> {
    notes(&stage.review(record).await).into_iter().map(str::to_owned).collect()
}

/// Kind and code of every desk case that is open.
async fn cases(stage: &Stage) -> Vec<(String, String)> {
    let cases = stage.app.sync.desk_cases(0, 100, false).await.expect("reads");
    cases.into_iter().map(|case| (case.kind, case.code.unwrap_or_default())).collect()
}

fn case(kind: &str, code: &str) -> (String, String) {
    (kind.to_owned(), code.to_owned())
}

/// How many roles the phone believes to be held.
async fn held(phone: &Phone) -> usize {
    let reference = phone.replica.reference().await;
    reference.grants.iter().filter(|grant| grant.ended.is_none()).count()
}

/// Does something as the API does: what is owed to the ledger stands there before the commit.
async fn act<T>(stage: &Stage, what: impl AsyncFnOnce(&mut SqliteConnection, Act) -> T) -> T {
    let mut conn = stage.app.db.begin_write().await.expect("begins");
    let done = what(&mut conn, stage.app.act()).await;
    stage.app.sync.settle(&mut conn).await.expect("settles");
    conn.commit().await.expect("commits");
    done
}

/// R0.29
#[tokio::test]
async fn no_number_is_given_twice_after_a_restore_and_both_phones_work_is_there() {
    let mut stage = Stage::new().await;
    let mut office = stage.office("chen").await;
    let record = office.dispatch(stage.wang, "厨房水管漏水").await;
    let other = office.dispatch(stage.li, "楼道灯不亮").await;
    let backup = stage.backup().await;
    let mut wang = stage.phone(stage.wang).await;
    let added = stage.person("赵师傅", Role::Technician).await;
    wang.note(record, "一").await;
    wang.sync().await;
    wang.note(record, "二").await;

    stage.restore(&backup).await;
    let li = stage.phone(stage.li).await;
    assert_ne!(li.device, wang.device);
    assert_ne!(stage.person("钱师傅", Role::Technician).await, added);
    li.note(other, "三").await;
    li.sync().await;
    assert_eq!(notes_of(&stage, other).await, ["三"]);

    refused_as(&wang, "device_unknown").await;
    assert_eq!(cases(&stage).await, [case("device_unknown", "device_unknown")]);
    wang.replica.try_again().await;
    refused_as(&wang, "device_unknown").await;
    assert_eq!(cases(&stage).await.len(), 1, "told once");
    assert_eq!(notes(&wang.review(record).await), ["一", "二"], "it keeps everything");
    let former = wang.device;
    stage.enrol_on(&mut wang, stage.wang).await;
    assert!(wang.device != former && wang.device != li.device);
    wang.sync().await;
    assert_eq!(notes_of(&stage, record).await, ["一", "二"]);
    assert_eq!(stage.account(former).await, [2, 2, 0, 0, 0]);
    assert_eq!(wang.account().await, [2, 2, 0, 0, 0]);
    let told = ["device_unknown", "device_put_back"].map(|code| case("device_unknown", code));
    assert_eq!(cases(&stage).await, told);
    // What was put back comes in no more by itself.
    let mut conn = stage.app.db.reader().acquire().await.expect("a reader");
    let devices = device::phones(&mut conn).await.expect("reads");
    let back = devices.iter().find(|phone| phone.device == former).expect("is in the list");
    assert!(back.revoked_ms.is_some());
}

#[tokio::test]
async fn work_of_a_person_that_the_backup_does_not_know_is_kept_as_it_came() {
    let mut stage = Stage::new().await;
    let mut office = stage.office("chen").await;
    let backup = stage.backup().await;
    let zhao = stage.person("赵师傅", Role::Technician).await;
    let record = office.dispatch(zhao, "厨房水管漏水").await;
    let mut phone = stage.phone(zhao).await;
    let former = phone.device;
    phone.note(record, "一").await;
    stage.restore(&backup).await;
    phone.replica.sign_out(true).await.expect("signs out");
    stage.enrol_on(&mut phone, stage.li).await;
    phone.sync().await;
    assert_eq!(cases(&stage).await, [case("device_unknown", "person_unknown")]);
    let [found] = &stage.app.sync.desk_cases(0, 9, false).await.expect("reads")[..] else {
        panic!("one case")
    };
    assert_eq!((found.person, found.device), (zhao, DeviceId(former)));
    let path = format!("/v1/office/desk-cases/{}/export", found.case);
    let office = stage.office("sun").await;
    let (status, export) = office.get(&path).await;
    assert_eq!(status, 200);
    let kept = export["unreadable"].as_array().expect("a list");
    let [kept] = &kept[..] else { panic!("as it came, once") };
    let kept = data_encoding::BASE64.decode(kept.as_str().expect("a text").as_bytes());
    let text = "一".as_bytes();
    assert!(kept.expect("decodes").windows(text.len()).any(|bytes| bytes == text));
    // The phone that carried it has handed it in.
    let phone = phone.reopen().await;
    phone.sync().await;
    assert_eq!(phone.wire.handed_in().len(), 1);
}

/// R0.28
#[tokio::test]
async fn what_was_revoked_locked_lost_and_disabled_stays_so_after_a_restore() {
    let mut stage = Stage::new().await;
    let phones = [
        stage.phone(stage.wang).await,
        stage.phone(stage.wang).await,
        stage.phone(stage.wang).await,
        stage.phone(stage.wang).await,
        stage.phone(stage.wang).await,
        stage.phone(stage.li).await,
    ];
    let backup = stage.backup().await;
    let [revoked, locked, lost, unlocked, found, _] = phones.each_ref().map(|p| DeviceId(p.device));
    let li = stage.li;
    act(&stage, async |conn, act| {
        device::revoke(conn, act, revoked).await.expect("revoked");
        for (device, what) in [
            (locked, Befalls::Locked),
            (lost, Befalls::Lost),
            (unlocked, Befalls::Locked),
            (unlocked, Befalls::Unlocked),
            (found, Befalls::Lost),
            (found, Befalls::Found),
        ] {
            device::befalls(conn, act, device, what).await.expect("is there");
        }
        directory::disable(conn, act, li).await.expect("disabled");
    })
    .await;
    stage.restore(&backup).await;
    stage.pass_ms(20 * MINUTE_MS);
    let codes = ["device_revoked", "device_locked", "device_lost", "", "", "account_disabled"];
    for (phone, code) in phones.iter().zip(codes) {
        if code.is_empty() {
            phone.sync().await;
        } else {
            refused_as(phone, code).await;
        }
    }
    // Once: the next start finds nothing to do.
    let audited = "select count(*) from audit where act = 'device_revoked'";
    let count = async |stage: &Stage| -> i64 {
        let reader = stage.app.db.reader();
        sqlx::query_scalar(audited).fetch_one(reader).await.expect("counts")
    };
    let before = count(&stage).await;
    stage.app.sync.carry_out_ledger().await.expect("nothing to do");
    assert_eq!(count(&stage).await, before);
}

/// R0.28
#[tokio::test]
async fn a_role_that_was_ended_stays_ended_after_a_restore_and_one_granted_again_is_held() {
    let mut stage = Stage::new().await;
    let mut office = stage.office("chen").await;
    let other = office.dispatch(stage.li, "楼道灯不亮").await;
    let (wang, li) = (stage.phone(stage.wang).await, stage.phone(stage.li).await);
    let backup = stage.backup().await;
    let people = [stage.wang, stage.li];
    act(&stage, async |conn, act| {
        for person in people {
            grant::end(conn, act, person, Role::Technician, SITE).await.expect("ended");
        }
        let (role, from_ms) = (Role::Technician, act.at_ms);
        let new = NewGrant {
            person: people[1],
            role,
            site: SITE,
            from_ms,
            to_ms: None,
            on_behalf_of: None,
        };
        grant::grant(conn, act, &new).await.expect("granted");
    })
    .await;
    wang.sync().await;
    assert_eq!(held(&wang).await, 0);
    stage.restore(&backup).await;
    stage.pass_ms(MINUTE_MS);
    let open = async |person| {
        let mut conn = stage.app.db.reader().acquire().await.expect("a reader");
        let principal = grant::principal(&mut conn, person).await.expect("reads");
        let at_ms = stage.now_ms();
        principal.grants.iter().filter(|one| grant::in_force(one, at_ms)).count()
    };
    assert_eq!((open(stage.wang).await, open(stage.li).await), (0, 1));
    li.note(other, "又上岗").await;
    wang.sync().await;
    li.sync().await;
    assert_eq!(notes_of(&stage, other).await, ["又上岗"]);
    assert_eq!(held(&li).await, 1);
    assert_eq!(held(&wang).await, 0, "the phone is told too");
}

#[tokio::test]
async fn a_line_of_a_transaction_that_failed_is_carried_out_before_the_next_one() {
    let stage = Stage::new().await;
    let (first, second) = (stage.phone(stage.wang).await, stage.phone(stage.li).await);
    let mut conn = stage.app.db.begin_write().await.expect("begins");
    let act = stage.app.act();
    device::revoke(&mut conn, act, DeviceId(first.device)).await.expect("revoked");
    stage.app.sync.settle(&mut conn).await.expect("settles");
    conn.rollback().await.expect("fails");
    let mut root = stage.office("root").await;
    root.must(&format!("/v1/devices/{}/revoke", second.device), json!({})).await;
    refused_as(&first, "device_revoked").await;
    refused_as(&second, "device_revoked").await;
}

#[tokio::test]
async fn what_another_process_takes_in_is_served_at_once() {
    let stage = Stage::new().await;
    let mut office = stage.office("chen").await;
    let record = office.dispatch(stage.wang, "厨房水管漏水").await;
    let wang = stage.phone(stage.wang).await;
    wang.note(record, "一").await;
    wang.sync().await;
    // Another opening: a session that the running server has not heard of.
    let wang = wang.reopen().await;
    wang.note(record, "二").await;
    let parcel = wang.replica.parcel().await.expect("reads");
    let process = stage.another_process().await;
    let act = stage.app.act();
    let taken = process.sync.take_parcel(act, &parcel.bytes, &parcel.code).await.expect("takes");
    assert_eq!(taken.refused, []);
    process.stop().await;
    // The running server answers with it: the office, another phone, and the phone itself.
    assert_eq!(notes_of(&stage, record).await, ["一", "二"]);
    let review = office.read(record).await;
    assert_eq!(notes(&review["review"]), ["一", "二"]);
    office.order(record, "note", json!({ "text": "三" })).await;
    let chen = stage.phone(stage.chen).await;
    let seen = chen.review(record).await;
    assert_eq!(notes(&seen), ["一", "二", "三"]);
    wang.sync().await;
    assert_eq!(wang.account().await, [2, 2, 0, 0, 0]);
    stage.all_equal(&office, &[&wang, &chen], record).await;
}
