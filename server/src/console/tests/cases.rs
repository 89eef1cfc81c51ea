//! What the office does with cases on the pages beside the two values of a field: a third one,
//! questions, and words taken back.

use super::*;

/// Presses a button of a record's page with these fields.
async fn press(site: &Site, desk: &Desk, path: &str, key: &str, fields: &[(&str, &str)]) -> Answer {
    let mut all = vec![("csrf", desk.csrf.as_str()), ("key", key)];
    all.extend_from_slice(fields);
    site.submit(desk, path, &all).await
}

/// R8.7
#[tokio::test]
async fn a_third_value_ends_a_conflict_and_reaches_the_phone() {
    let site = Site::new().await;
    let (mut phone, desk, record) = site.conflict().await;
    let page = site.open(&desk, &format!("/office/orders/{record}")).await;
    assert!(page.contains("type=\"datetime-local\" ") && page.contains("name=\"third\""), "{page}");
    let form = page.split_once("data-case=\"field_conflict\"").expect("the form").1;
    let rests_on = after(form, "name=\"rests_on\" value=\"");
    let path = format!("/office/orders/{record}/resolve");
    let fields = |third: &'static str| {
        [
            ("form", "conflict-appointment"),
            ("field", "appointment"),
            ("rests_on", rests_on),
            ("reason", "客户只有傍晚在家"),
            ("third", third),
            ("take", "third"),
        ]
    };
    let answer = press(&site, &desk, &path, "1", &fields("傍晚")).await;
    assert_eq!(answer.status, 400, "no time: nothing is written");
    let answer = press(&site, &desk, &path, "2", &fields("2026-09-22T17:30")).await;
    assert_eq!(answer.status, 303);
    let read = site.world.app.sync.read(record).await.expect("reads").expect("there");
    assert_eq!(read.2.text("appointment"), Some("2026-09-22T17:30:00+08:00"));
    assert_eq!(read.2.open_cases().count(), 0);
    site.settle(&mut phone).await;
    let facts = phone.copy(record).facts();
    assert!(facts.values().any(|json| json.contains("2026-09-22T17:30:00+08:00")));
}

/// R5.22, R5.23
#[tokio::test]
async fn a_command_is_returned_with_a_question_discarded_and_taken_back_on_the_page() {
    let site = Site::new().await;
    let (mut phone, desk, record) = site.conflict().await;
    phone.rebase();
    phone.has_read();
    phone.write(record, "cancelled", json!({ "reason": "customer_withdrew" }));
    site.settle(&mut phone).await;
    let case = site.count("select id from desk_case").await;
    let (path, back) = (format!("/office/desk-cases/{case}"), record.to_string());
    let order = format!("/office/orders/{record}");
    let page = site.open(&desk, &order).await;
    assert!(page.contains("value=\"return_to_worker\"") && page.contains("name=\"question\""));
    let asked = [
        ("reason", "已核实"),
        ("question", "客户是改期还是不修？"),
        ("decision", "return_to_worker"),
        ("back", back.as_str()),
    ];
    let empty = [("decision", "return_to_worker"), ("question", " "), ("back", back.as_str())];
    assert_eq!(press(&site, &desk, &path, "1", &empty).await.status, 422);
    assert_eq!(press(&site, &desk, &path, "2", &asked).await.status, 303);
    let page = site.open(&desk, &order).await;
    assert!(page.contains("data-waits-for=\"worker\""), "{page}");
    assert!(page.contains("客户是改期还是不修？") && !page.contains("value=\"return_to_worker\""));
    let word = |decision: &'static str| {
        [("reason", "客户来电"), ("decision", decision), ("back", back.as_str())]
    };
    assert_eq!(press(&site, &desk, &path, "3", &word("discard")).await.status, 303);
    let page = site.open(&desk, &order).await;
    assert!(page.contains("data-decided=\"refused\"") && page.contains("value=\"undo\""), "{page}");
    assert_eq!(press(&site, &desk, &path, "4", &word("undo")).await.status, 303);
    let read = site.world.app.sync.read(record).await.expect("reads").expect("there");
    assert_eq!(read.2.status.code(), "cancelled");
    // What was accepted stays, and the page says so.
    let answer = press(&site, &desk, &path, "5", &word("undo")).await;
    assert_eq!(answer.status, 409);
}

/// R3.48
#[tokio::test]
async fn one_of_two_records_is_put_aside_by_its_button() {
    let site = Site::new().await;
    let (desk, second) = (site.desk("chen").await, site.desk("chen").await);
    let first = site.order(&desk, "厨房水管漏水").await;
    let order = json!({
        "site": 7, "category": "household", "unit": "3-2-1501", "priority": "urgent",
        "description": "厨房漏水",
    });
    let later = site.post("/v1/work-orders", &second.writes("another"), &order).await;
    let later = later.json()["record"].as_str().expect("a record").to_owned();
    let page = site.open(&desk, &format!("/office/orders/{later}")).await;
    assert!(
        page.contains("data-case=\"duplicate_suspect\"") && page.contains("先开的单"),
        "{page}"
    );
    assert!(page.contains(&format!("name=\"goes_on\" value=\"{first}\"")));
    let case = site.count("select id from desk_case").await;
    let path = format!("/office/desk-cases/{case}");
    let (goes_on, back) = (first.to_string(), later.clone());
    let word = |reason: &'static str| {
        [("reason", reason), ("goes_on", goes_on.as_str()), ("back", back.as_str())]
    };
    assert_eq!(press(&site, &desk, &path, "1", &word(" ")).await.status, 422);
    assert_eq!(press(&site, &desk, &path, "2", &word("同一件事")).await.status, 303);
    let page = site.open(&desk, &format!("/office/orders/{later}")).await;
    assert!(page.contains(&format!("data-duplicate-of=\"{first}\"")), "{page}");
    assert!(!page.contains("data-case=\"duplicate_suspect\""));
}
