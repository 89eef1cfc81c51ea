//! The inbox of somebody at the desk.

use sync_core::model::person::Role;
use sync_core::rules::Command;

use super::*;
use crate::people::grant::{self, NewGrant};
use crate::sync::OfficeWrite;
use crate::testing::START_MS;

/// Somebody else at the desk asks Chen about an order.
async fn asked(site: &Site, record: RecordId) {
    let mut conn = site.world.write().await;
    let act = site.world.app.act();
    let person = directory::add(&mut conn, act, "孙悦", None).await.expect("added");
    let (role, from_ms, to_ms, on_behalf_of) = (Role::FrontDesk, START_MS, None, None);
    let new = NewGrant { person, role, site: SITE, from_ms, to_ms, on_behalf_of };
    grant::grant(&mut conn, act, &new).await.expect("granted");
    let randomness = site.world.app.randomness.as_ref();
    let (opened, _) = office::open(&mut conn, START_MS, person, randomness).await.expect("opens");
    conn.commit().await.expect("commits");
    let command = Command::Ask { person: site.chen, text: "客户几点在家？".to_owned() };
    let (device, session, record) = (opened.device, opened.session, Some(record));
    let write = OfficeWrite { person, device, session, record, command };
    site.world.app.sync.office(write).await.expect("written");
}

/// R0.14
#[tokio::test]
async fn a_question_stands_in_the_inbox_until_it_is_answered_once() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let record = site.order(&desk, "厨房水管漏水").await;
    assert!(site.open(&desk, "/office/inbox").await.contains("没有需要您处理的"));
    asked(&site, record).await;
    let page = site.open(&desk, "/office/inbox").await;
    assert!(page.contains("data-inbox=\"question\"") && page.contains("客户几点在家？"), "{page}");
    let csrf = after(&page, "name=\"csrf\" value=\"").to_owned();
    let of = after(&page, "name=\"of\" value=\"").to_owned();
    let path = format!("/office/inbox/{record}/answer");
    let empty = [("csrf", csrf.as_str()), ("key", "k0"), ("of", &of), ("text", " ")];
    let refused = site.submit(&desk, &path, &empty).await;
    assert_eq!(refused.status, 422, "an empty answer is none");
    for _ in 0..2 {
        let pairs = [("csrf", csrf.as_str()), ("key", "k1"), ("of", &of), ("text", "下午三点")];
        let answer = site.submit(&desk, &path, &pairs).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/office/inbox"));
    }
    let page = site.open(&desk, "/office/inbox").await;
    assert!(page.contains("data-done=\"true\"") && page.contains("已处理"), "{page}");
    let (_, _, review) = site.world.app.sync.read(record).await.expect("reads").expect("is there");
    let answers = review.timeline.iter().filter(|entry| entry.fact_type == "answered");
    assert_eq!(answers.count(), 1);
    let forged = [("csrf", "wrong"), ("key", "k2"), ("of", &of), ("text", "x")];
    assert_eq!(site.submit(&desk, &path, &forged).await.status, 403);
}

/// R1.21
#[tokio::test]
async fn settled_cash_that_differs_again_stands_in_the_inbox_of_those_concerned() {
    let site = Site::new().await;
    let mut conn = site.world.write().await;
    sqlx::query(
        "insert into desk_case (id, site, kind, person, device, from_number, to_number, params,
           opened_ms) values (1, 7, 'cash_unaccounted', 0, 0, 0, 0, ?, 5)",
    )
    .bind(r#"{"day":"2026-09-20","entries":2,"refunded_fen":0,"taken_fen":12800}"#)
    .execute(&mut *conn)
    .await
    .expect("inserts");
    let act = "insert into desk_case_action (desk_case, at_ms, person, action, reason)
        values (1, 6, ?, ?, '')";
    let write = async |conn: &mut sqlx::SqliteConnection, person: u32, action: &'static str| {
        sqlx::query(act).bind(person).bind(action).execute(conn).await.expect("inserts");
    };
    // Somebody at the desk who never had a word on it is not told.
    write(&mut conn, 99, "dismiss").await;
    write(&mut conn, 0, "reopened").await;
    conn.commit().await.expect("commits");
    let desk = site.desk("chen").await;
    let page = site.open(&desk, "/office/inbox").await;
    assert!(!page.contains("cash_reopened"), "{page}");
    let mut conn = site.world.write().await;
    write(&mut conn, site.chen.0, "dismiss").await;
    write(&mut conn, 0, "reopened").await;
    conn.commit().await.expect("commits");
    let page = site.open(&desk, "/office/inbox").await;
    assert!(page.contains("data-inbox=\"cash_reopened\""), "{page}");
    assert!(page.contains("/office/cash?site=7&amp;day=2026-09-20"), "{page}");
    let today = site.open(&desk, "/office").await;
    assert!(today.contains("¥128.00") && today.contains("2026-09-20 的现金"), "{today}");
    let mut conn = site.world.write().await;
    sqlx::query("update desk_case set closed_ms = 7").execute(&mut *conn).await.expect("closes");
    conn.commit().await.expect("commits");
    assert!(!site.open(&desk, "/office/inbox").await.contains("cash_reopened"));
}

/// R1.22
#[tokio::test]
async fn what_is_passed_on_to_a_department_is_read_off_rows_by_its_head() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let open = json!({
        "site": 7, "kind": "reception", "channel": "phone", "matter": "repair",
        "by_caller_id": false, "description": "地下车库有积水",
    });
    let opened = site.post("/v1/records", &desk.writes("1"), &open).await;
    assert_eq!(opened.status, 201, "{:?}", opened.json());
    let record = opened.json()["record"].as_str().expect("a record").to_owned();
    let path = format!("/v1/records/{record}/commands");
    let fact = json!({ "t": "passed_on", "p": { "department": "cleaning", "text": "请清理" } });
    let passed = json!({ "command": "record", "fact": fact });
    assert_eq!(site.post(&path, &desk.writes("2"), &passed).await.status, 200);
    assert!(!site.open(&desk, "/office/inbox").await.contains("passed_on"));
    let head = async |department: Option<&str>, person: u32| {
        let mut conn = site.world.write().await;
        sqlx::query(
            "insert into role_grant (person, role, site, from_ms, granted_epoch, granted_sequence,
               department) values (?, 'supervisor', 7, 0, 1, 0, ?)",
        )
        .bind(person)
        .bind(department)
        .execute(&mut *conn)
        .await
        .expect("inserts");
        crate::people::reference_changed(&mut conn).await.expect("raised");
        conn.commit().await.expect("commits");
    };
    head(None, site.chen.0).await;
    assert!(site.open(&desk, "/office/inbox").await.contains("passed_on"), "there is no head");
    head(Some("cleaning"), site.root.0).await;
    assert!(!site.open(&desk, "/office/inbox").await.contains("passed_on"), "there is one");
    let root = site.desk("root").await;
    let page = site.open(&root, "/office/inbox").await;
    assert!(page.contains("data-inbox=\"passed_on\"") && page.contains("请清理"), "{page}");
    // Even of a record that is no more to be read: the rows are all that is asked.
    let mut conn = site.world.write().await;
    sqlx::query("update change set state = 'refused'").execute(&mut *conn).await.expect("hides");
    conn.commit().await.expect("commits");
    assert!(site.open(&root, "/office/inbox").await.contains("请清理"));
    // A row that does not read hides no other.
    let mut conn = site.world.write().await;
    sqlx::query(
        "insert into record_told (record, role, site, at_ms, items)
         select zeroblob(16), role, site, at_ms + 1, 'x' from record_told
         where role = 'supervisor'",
    )
    .execute(&mut *conn)
    .await
    .expect("inserts");
    conn.commit().await.expect("commits");
    assert!(site.open(&root, "/office/inbox").await.contains("请清理"));
    let plan = format!("explain query plan {}", crate::sync::due::TOLD);
    let steps: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(plan))
        .bind(7)
        .bind("supervisor")
        .bind(1)
        .fetch_all(site.world.app.db.reader())
        .await
        .expect("explains");
    assert!(steps[0].3.contains("record_told_role (site=? AND role=?)"), "{steps:?}");
}
