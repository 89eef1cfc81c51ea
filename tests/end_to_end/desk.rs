//! Desk cases by the office's API, to the exact status and body.

use serde_json::{Value, json};

use super::stage::Stage;

const LIST: &str = "/v1/office/desk-cases";

fn word(decision: &str) -> Value {
    json!({ "decision": decision, "reason": "核实过" })
}

fn cases(page: &Value) -> Vec<i64> {
    let items = page["items"].as_array().expect("a list");
    items.iter().map(|item| item["case"].as_i64().expect("a number")).collect()
}

#[tokio::test]
async fn cases_are_listed_by_pages_and_those_closed_only_when_asked_for() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    assert_eq!(office.get(LIST).await, (200, json!({ "items": [], "next": null, "people": {} })));
    let wang = stage.phone(stage.wang).await;
    let record = office.dispatch(stage.wang, "厨房漏水").await;
    wang.sync().await;
    wang.cancel_unjudged(record).await;
    wang.note(record, "中间").await;
    wang.cancel_unjudged(record).await;
    wang.sync().await;

    let (status, page) = office.get(&format!("{LIST}?limit=1")).await;
    let first = json!({
        "case": 1, "site": 7, "record": record, "kind": "refused", "person": stage.wang,
        "device": wang.device, "from_number": 1, "to_number": 1, "code": "not_your_role",
        "params": { "fact": "cancelled" }, "opened_at": "2026-11-25T00:30:00.000Z",
        "closed_at": null, "waits_for": "office",
    });
    let people = json!({ stage.wang.to_string(): "王师傅" });
    let expected = json!({ "items": [first], "next": "1", "people": people });
    assert_eq!((status, &page), (200, &expected));
    let (_, second) = office.get(&format!("{LIST}?limit=1&after=1")).await;
    assert_eq!((cases(&second), &second["next"]), (vec![2], &Value::Null));

    // Nothing that waits is dismissed.
    let (status, problem) = office.post(&format!("{LIST}/1/close"), &word("dismiss")).await;
    assert_eq!((status, &problem["code"]), (422, &json!("decision_refused")));
    office.must(&format!("{LIST}/1/close"), word("discard")).await;
    assert_eq!(cases(&office.get(LIST).await.1), [2]);
    let (_, all) = office.get(&format!("{LIST}?closed=true")).await;
    assert_eq!(cases(&all), [1, 2]);
    assert_eq!(all["items"][0]["closed_at"], "2026-11-25T00:30:00.000Z");
    let (status, problem) = office.get(&format!("{LIST}?after=x")).await;
    assert_eq!(
        (status, &problem["code"], &problem["params"]["what"]),
        (400, &json!("malformed"), &json!("after"))
    );
}

#[tokio::test]
async fn a_case_is_closed_once_by_its_office_with_a_reason() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let wang = stage.phone(stage.wang).await;
    let record = office.dispatch(stage.wang, "厨房漏水").await;
    wang.sync().await;
    wang.cancel_unjudged(record).await;
    wang.sync().await;

    // Another site's office sees nothing of it.
    let mut elsewhere = stage.office("zhou").await;
    assert_eq!(cases(&elsewhere.get(LIST).await.1), [] as [i64; 0]);
    let path = format!("{LIST}/1/close");
    let (status, problem) = elsewhere.post(&path, &word("discard")).await;
    assert_eq!((status, &problem["code"]), (404, &json!("not_found")));

    let (status, problem) =
        office.post(&path, &json!({ "decision": "discard", "reason": " " })).await;
    let params = json!({ "denial": "text_empty", "field": "reason" });
    assert_eq!((status, &problem["code"], &problem["params"]), (422, &json!("denied"), &params));
    let (status, _) = office.post(&path, &word("forget")).await;
    assert_eq!(status, 400);
    for unknown in ["99", "x"] {
        let (status, _) = office.post(&format!("{LIST}/{unknown}/close"), &word("discard")).await;
        assert_eq!(status, 404);
    }
    assert_eq!(cases(&office.get(LIST).await.1), [1], "nothing was written");

    let closed = (200, json!({ "case": 1, "decision": "discard" }));
    assert_eq!(office.post_as(&path, "once", &word("discard")).await, closed);
    assert_eq!(office.post_as(&path, "once", &word("discard")).await, closed, "the same answer");
    let (status, problem) = office.post_as(&path, "once", &word("dismiss")).await;
    assert_eq!((status, &problem["code"]), (409, &json!("idempotency_conflict")));
    let (status, problem) = office.post(&path, &word("accept_after_all")).await;
    assert_eq!((status, &problem["code"]), (409, &json!("case_closed")));
    let first = (&problem["params"]["decision"], &problem["params"]["reason"]);
    assert_eq!(first, (&json!("discard"), &json!("核实过")), "the first word is told");
    let said: (u32, String, String) =
        sqlx::query_as("select person, action, reason from desk_case_action")
            .fetch_one(stage.app.db.reader())
            .await
            .expect("one row");
    assert_eq!(said, (stage.sun.0, "discard".to_owned(), "核实过".to_owned()));
}
