//! Two records of one matter by the office's API: which one goes on.

use serde_json::{Value, json};

use super::{Desk, Site, problem, problem_with};

impl Site {
    async fn opened_twin(&self, desk: &Desk, key: &str) -> String {
        let order = json!({
            "site": 7, "category": "household", "unit": "3-2-1501", "priority": "urgent",
            "description": "厨房水管漏水",
        });
        let answer = self.post("/v1/work-orders", &desk.writes(key), &order).await;
        answer.json()["record"].as_str().expect("a record").to_owned()
    }

    async fn review(&self, desk: &Desk, record: &str) -> Value {
        self.get(&format!("/v1/records/{record}"), &desk.reads()).await.json()
    }
}

/// R3.48, R3.49
#[tokio::test]
async fn the_office_says_which_of_two_records_goes_on() {
    let site = Site::new().await;
    // Two sign-ins of one person are two devices.
    let (desk, second) = (site.desk("chen").await, site.desk("chen").await);
    let first = site.opened_twin(&desk, "1").await;
    let later = site.opened_twin(&second, "2").await;
    let cases = site.get("/v1/office/desk-cases", &desk.reads()).await.json();
    let case = &cases["items"][0];
    assert_eq!((&case["kind"], &case["record"]), (&json!("duplicate_suspect"), &json!(later)));
    assert_eq!(case["params"], json!({ "record": first }));
    let path = format!("/v1/office/desk-cases/{}/merge", case["case"]);
    let word = |goes_on: &str| json!({ "goes_on": goes_on, "reason": "同一件事" });

    // Money of the first: it stays, and so does its order.
    let commands = format!("/v1/records/{first}/commands");
    let enter = |fact: Value| {
        json!({ "command": "record", "fact": fact, "said_at_ms": 1_790_000_000_000_i64,
            "on_behalf_of": site.wang })
    };
    let fact = json!({ "t": "set_out", "p": { "grade": 2 } });
    assert_eq!(site.post(&commands, &desk.writes("3"), &enter(fact)).await.status, 200);
    let timeline = site.review(&desk, &first).await["review"]["timeline"].clone();
    let visit = timeline.as_array().expect("entries").last().expect("a visit")["key"].clone();
    let fact = json!({ "t": "charged",
        "p": { "visit": visit, "amount_fen": 500, "method": "cash" } });
    assert_eq!(site.post(&commands, &desk.writes("4"), &enter(fact)).await.status, 200);
    let answer = site.post(&path, &desk.writes("5"), &word(&later)).await;
    let params = json!({ "denial": "carries_signature_or_money", "carries": "charged" });
    assert_eq!(answer.told(), problem_with(422, "denied", "不符合规定", params));
    let elsewhere = word(&"A".repeat(22));
    assert_eq!(site.post(&path, &desk.writes("6"), &elsewhere).await.status, 400);
    let bare = json!({ "goes_on": first, "reason": "" });
    assert_eq!(site.post(&path, &desk.writes("7"), &bare).await.status, 422);
    let of_case = site.review(&desk, &later).await;
    assert_eq!(
        (&of_case["review"]["status"], of_case["desk_cases"].as_array().map(Vec::len)),
        (&json!("opened"), Some(1)),
        "nothing is changed by a no"
    );

    // The other way round.
    let answer = site.post(&path, &desk.writes("8"), &word(&first)).await;
    assert_eq!(answer.status, 200, "{:?}", answer.json());
    assert_eq!(answer.json()["record"], json!(later));
    let again = site.post(&path, &desk.writes("8"), &word(&first)).await;
    assert_eq!((again.status, &again.bytes), (200, &answer.bytes));
    let aside = site.review(&desk, &later).await;
    assert_eq!(aside["review"]["status"], "cancelled");
    assert_eq!(aside["review"]["duplicate_of"], json!(first));
    assert_eq!(aside["names"][0]["field"], "duplicate_of");
    assert!(aside["desk_cases"][0]["closed_at"].is_string(), "the case is closed with it");
    assert_eq!(site.review(&desk, &first).await["named_by"][0]["record"], json!(later));
    let actions = "select action || ' ' || reason from desk_case_action";
    let said: Vec<String> =
        sqlx::query_scalar(actions).fetch_all(site.world.app.db.reader()).await.expect("reads");
    assert_eq!(said, ["merge_duplicates 同一件事"]);

    // What is put aside itself is not what goes on.
    let answer = site.post(&path, &desk.writes("9"), &word(&later)).await;
    assert_eq!((answer.status, &answer.json()["params"]["why"]), (422, &json!("put_aside_itself")));
    let nowhere = "/v1/office/desk-cases/99/merge";
    let answer = site.post(nowhere, &desk.writes("10"), &word(&first)).await;
    assert_eq!(answer.told(), problem(404, "not_found", "没有找到"));
    // Handed out again, it goes on by itself.
    let dispatch = format!("/v1/work-orders/{later}/dispatch");
    assert_eq!(site.post(&dispatch, &desk.writes("11"), &json!({})).await.status, 200);
    let open = site.review(&desk, &later).await;
    assert_eq!((&open["review"]["status"], &open["names"]), (&json!("dispatched"), &json!([])));
}
