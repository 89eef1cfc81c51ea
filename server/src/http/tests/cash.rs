//! The cash account of a day over HTTP and as a page: who sees it, and what stands in it.

use serde_json::json;

use super::{Site, problem};
use crate::testing::START_MS;

/// 21 September 2026 at the site: two hand-ins, one of them listed with another amount, one cash of
/// the next day, a key that is out, and two counts of one desk.
async fn filled(site: &Site) {
    let mut conn = site.world.write().await;
    let cash = "insert into cash_entry (record, fact, site, kind, at_ms, amount_fen, method)
        values (zeroblob(16), ?, 7, ?, ?, ?, ?)";
    let day_ms = 86_400_000;
    for (n, kind, at_ms, fen, method) in [
        (1, "handed_in", START_MS, 12_000, "cash"),
        (2, "handed_in", START_MS + 1, 5_000, "cash"),
        (3, "refunded", START_MS + 2, 700, "cash"),
        (4, "handed_in", START_MS + 3, 900, "transfer"),
        (5, "handed_in", START_MS + day_ms, 1, "cash"),
    ] {
        let query = sqlx::query(cash).bind(key(n)).bind(kind).bind(at_ms).bind(fen).bind(method);
        query.execute(&mut *conn).await.expect("inserts");
    }
    for (n, fen) in [(1, 12_000), (2, 4_000)] {
        sqlx::query(
            "insert into hand_over_cash (hand_over, record, fact, kind, amount_fen)
             values (x'01010101010101010101010101010101', zeroblob(16), ?, 'handed_in', ?)",
        )
        .bind(key(n))
        .bind(fen)
        .execute(&mut *conn)
        .await
        .expect("inserts");
    }
    for (shift, fen, at_ms) in [(1, 20_000, START_MS - 5), (2, 30_000, START_MS - 4)] {
        sqlx::query(
            "insert into hand_over (record, site, status, desk, counted_fen, open_cases,
               created_at_ms) values (?, 7, 'opened', '1 号前台', ?, 0, ?)",
        )
        .bind(vec![shift; 16])
        .bind(fen)
        .bind(at_ms)
        .execute(&mut *conn)
        .await
        .expect("inserts");
    }
    sqlx::query(
        "insert into open_key (record, received, site, visit, holder, since_ms, used)
         values (zeroblob(16), ?, 7, ?, ?, ?, true)",
    )
    .bind(key(9))
    .bind(key(8))
    .bind(site.wang.0)
    .bind(START_MS - 9)
    .execute(&mut *conn)
    .await
    .expect("inserts");
    conn.commit().await.expect("commits");
}

fn key(n: u64) -> String {
    let session = sync_core::model::id::SessionId([1; 8]);
    sync_core::model::id::FactKey::Written { session, n, i: 0 }.to_string()
}

#[tokio::test]
async fn a_days_cash_says_of_each_entry_where_it_stands_with_the_keys_and_last_counts() {
    let site = Site::new().await;
    filled(&site).await;
    let desk = site.desk("chen").await;
    let answer = site.get("/v1/cash?site=7&day=2026-09-21", &desk.reads()).await;
    assert_eq!(answer.status, 200, "{:?}", answer.json());
    let body = answer.json();
    let sums = ["taken_fen", "refunded_fen", "open_fen"].map(|name| body[name].as_i64());
    assert_eq!(sums, [Some(17_000), Some(700), Some(4_300)]);
    let items = body["items"].as_array().expect("items");
    let standing: Vec<_> = items.iter().map(|item| item["standing"].as_str()).collect();
    assert_eq!(standing, [Some("accounted"), Some("disputed"), Some("unaccounted")]);
    assert_eq!(body["from"], json!("2026-09-20T16:00:00.000Z"));
    assert_eq!(body["keys"][0]["holder"], json!(site.wang));
    assert_eq!(body["people"][site.wang.to_string()], json!("王建国"));
    let counts = body["last_counts"].as_array().expect("counts");
    assert_eq!((counts.len(), counts[0]["counted_fen"].as_i64()), (1, Some(30_000)));
    let today = site.get("/v1/cash?site=7", &desk.reads()).await;
    assert_eq!(today.json()["day"], json!("2026-09-21"), "without a day it is today");
    let page = site.get("/office/cash?site=7&day=2026-09-21", &desk.reads()).await;
    let page = String::from_utf8(page.bytes.clone()).expect("text");
    for text in [
        "data-standing=\"disputed\"",
        "data-open-fen=\"4300\"",
        "href=\"/office/records/AAAAAAAAAAAAAAAAAAAAAA\"",
        "¥300.00",
        "王建国",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
}

#[tokio::test]
async fn the_desks_cash_is_the_desks_and_bad_days_are_told() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let root = site.desk("root").await;
    let forbidden = problem(403, "forbidden", "没有权限");
    let path = "/v1/cash?site=7&day=2026-09-21";
    assert_eq!(site.get(path, &root.reads()).await.told(), forbidden);
    for (department, status) in [("cleaning", 403), ("customer_service", 200)] {
        let mut conn = site.world.write().await;
        sqlx::query(
            "insert into role_grant (person, role, site, from_ms, granted_epoch, granted_sequence,
               department) values (?, 'supervisor', 7, 0, 1, 0, ?)",
        )
        .bind(site.root.0)
        .bind(department)
        .execute(&mut *conn)
        .await
        .expect("inserts");
        crate::people::reference_changed(&mut conn).await.expect("raised");
        conn.commit().await.expect("commits");
        assert_eq!(site.get(path, &root.reads()).await.status, status, "{department}");
    }
    assert_eq!(site.get("/v1/cash?site=8", &desk.reads()).await.told(), forbidden);
    assert_eq!(site.get(path, &[]).await.status, 401);
    assert_eq!(site.get("/v1/cash?site=7&day=2026-13-01", &desk.reads()).await.status, 400);
    assert_eq!(site.get("/v1/cash?day=2026-09-21", &desk.reads()).await.status, 400);
    for day in ["%2B262142-12-31", "-262143-01-01", "1969-12-31", "10000-01-01"] {
        let answer = site.get(&format!("/v1/cash?site=7&day={day}"), &desk.reads()).await;
        assert_eq!(answer.status, 400, "{day}");
    }
}
