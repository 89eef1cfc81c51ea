//! Records of any kind by the office's API: refusals, opening, commands, the list.

use serde_json::{Value, json};

use super::{Answer, Desk, Site, problem, problem_with};

fn violation() -> Value {
    json!({
        "site": 7, "kind": "violation", "violation": "sanitation", "breach": "littering",
        "place": "3 栋门口", "unit": "3-2-1501", "group": 2, "description": "垃圾丢在门口",
    })
}

impl Site {
    async fn sends(&self, desk: &Desk, path: &str, key: &str, body: &Value) -> Answer {
        self.post(path, &desk.writes(key), body).await
    }

    async fn opens(&self, desk: &Desk, key: &str, body: &Value) -> String {
        let answer = self.sends(desk, "/v1/records", key, body).await;
        assert_eq!(answer.status, 201, "{:?}", answer.json());
        answer.json()["record"].as_str().expect("a record").to_owned()
    }
}

#[tokio::test]
async fn what_is_no_record_of_a_known_kind_is_refused_and_nothing_is_written() {
    let site = Site::new().await;
    let path = "/v1/records";
    let answer = site.post(path, &[], &violation()).await;
    assert_eq!(answer.told(), problem(401, "not_signed_in", "请先登录"));
    let desk = site.desk("chen").await;
    for (name, value) in [
        ("kind", json!("hologram")),
        ("violation", json!("nonsense")),
        ("group", json!(-1)),
        ("site", json!("7")),
    ] {
        let mut body = violation();
        body[name] = value;
        let answer = site.sends(&desk, path, "1", &body).await;
        assert_eq!((answer.status, &answer.json()["params"]["what"]), (400, &json!("body")));
    }
    let mut long = violation();
    long["description"] = json!("长".repeat(2_001));
    let params = json!({ "denial": "text_too_long", "field": "description", "limit": "2000" });
    let answer = site.sends(&desk, path, "1", &long).await;
    assert_eq!(answer.told(), problem_with(422, "denied", "不符合规定", params));
    let mut elsewhere = violation();
    elsewhere["site"] = json!(99);
    assert_eq!(site.sends(&desk, path, "1", &elsewhere).await.status, 404);
    let list = site.get("/v1/records?site=7", &desk.reads()).await;
    assert_eq!(list.json()["items"], json!([]));
}

#[tokio::test]
async fn a_record_of_any_kind_is_opened_worked_on_and_read() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let record = site.opens(&desk, "1", &violation()).await;
    let commands = format!("/v1/records/{record}/commands");
    let step = |fact_type: &str, content: Value| json!({ "command": "record", "fact": { "t": fact_type, "p": content } });
    let answer = site.sends(&desk, &commands, "2", &step("registered", json!({}))).await;
    assert_eq!((answer.status, &answer.json()["number"]), (200, &json!(2)), "{:?}", answer.json());
    let assessed = json!({
        "command": "set", "field": "assessment",
        "value": { "loss": false, "threat": false, "reason": "现场查看" },
    });
    assert_eq!(site.sends(&desk, &commands, "3", &assessed).await.status, 200);
    // The desk decides nothing.
    let decided = step("violation_decided", json!({ "measure": "dissuade", "reason": "r" }));
    let answer = site.sends(&desk, &commands, "4", &decided).await;
    let params = json!({ "denial": "not_your_role", "fact": "violation_decided" });
    assert_eq!(answer.told(), problem_with(422, "denied", "不符合规定", params));
    // Opening belongs to another address.
    let open = json!({ "command": "open", "site": 7, "kind": "violation" });
    assert_eq!(site.sends(&desk, &commands, "5", &open).await.status, 400);
    let answer = site.get(&format!("/v1/records/{record}"), &desk.reads()).await;
    let read = answer.json();
    assert_eq!(read["review"]["status"], "registered");
    assert_eq!(read["review"]["details"]["severity"], "general");
    assert_eq!(read["site"], 7);
    assert_eq!((&read["names"], &read["named_by"]), (&json!([]), &json!([])));
    // A link is stored once and walked both ways.
    let mut other = violation();
    let nobody = "AAAAAAAAAAAAAAAAAAAAAA";
    other["contact"] = json!(nobody);
    other["reception"] = json!(record);
    let other = site.opens(&desk, "6", &other).await;
    let links = async |record: &str, member: &str| {
        let answer = site.get(&format!("/v1/records/{record}"), &desk.reads()).await;
        answer.json()[member].clone()
    };
    let unknown = json!({ "field": "contact", "record": nobody, "kind": null, "state": "unknown" });
    let here = |record: &str| json!({ "field": "reception", "record": record, "kind": "violation", "state": "here" });
    assert_eq!(links(&other, "names").await, json!([unknown, here(&record)]));
    assert_eq!(links(&record, "named_by").await, json!([here(&other)]));
    assert!(!read["people"].as_object().expect("names").is_empty());
}

#[tokio::test]
async fn the_list_is_filtered_and_paged_by_keyset() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let mut records = Vec::new();
    for (key, group) in [("1", 1), ("2", 2), ("3", 2)] {
        let mut body = violation();
        body["group"] = json!(group);
        records.push(site.opens(&desk, key, &body).await);
    }
    let list = async |query: &str| {
        let answer = site.get(&format!("/v1/records?site=7{query}"), &desk.reads()).await;
        assert_eq!(answer.status, 200, "{query}: {:?}", answer.json());
        answer.json()
    };
    let count = |page: &Value| page["items"].as_array().expect("items").len();
    assert_eq!(count(&list("").await), 3);
    for (query, expected) in [
        ("&group=2", 2),
        ("&kind=complaint", 0),
        ("&kind=violation", 3),
        ("&subject=sanitation", 3),
        ("&subject=decoration", 0),
        ("&unit=3-2-1501", 3),
        ("&unit=3-2-1502", 0),
        ("&status=opened", 3),
        ("&closed=false", 3),
        ("&closed=true", 0),
        ("&open_cases=true", 0),
        ("&q=%E5%9E%83%E5%9C%BE", 3),
        ("&q=%25", 0),
        ("&department=engineering", 0),
        ("&assignee=1", 0),
    ] {
        assert_eq!(count(&list(query).await), expected, "{query}");
    }
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = list(&format!("&limit=1{after}")).await;
        seen.extend(page["items"].as_array().expect("items").iter().map(|i| i["record"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    seen.sort_by_key(|record| record.to_string());
    records.sort();
    assert_eq!(seen, records.iter().map(|record| json!(record)).collect::<Vec<_>>());
    let answer = site.get("/v1/records?site=7&after=x", &desk.reads()).await;
    assert_eq!((answer.status, &answer.json()["params"]["what"]), (400, &json!("after")));
}

#[tokio::test]
async fn a_record_of_another_site_is_not_there() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let not_found = problem(404, "not_found", "没有找到");
    for id in ["x", "AAAAAAAAAAAAAAAAAAAAAA"] {
        let answer = site.get(&format!("/v1/records/{id}"), &desk.reads()).await;
        assert_eq!(answer.told(), not_found);
        let path = format!("/v1/records/{id}/commands");
        let note = json!({ "command": "note", "text": "x" });
        assert_eq!(site.sends(&desk, &path, "1", &note).await.told(), not_found);
    }
    assert_ne!(site.get("/v1/records?site=99", &desk.reads()).await.status, 200);
}
