//! Rounds, alarms and the inbox in `fieldbook-phone`, against a real server process.

use serde_json::{Value, json};
use sync_core::rules::statement::local_time;

use super::phone_cli::{Stage, Terminal, failure, keys};
use super::server::SITE;

/// A plan whose round is to be walked on `day` by `officer`, made on the supervisor's phone.
fn planned(supervisor: &Terminal, day: &str, officer: u32) -> String {
    let number: u32 = day[8..].parse().expect("a day");
    let plan = json!({
        "command": "create_patrol_plan", "site": SITE, "month": &day[..7],
        "items": [{
            "item": 1, "patrol": "public_facilities", "area": "3 栋", "officer": officer,
            "days": [number], "starts_at": "00:05",
            "checkpoints": [
                { "code": "3-1", "name": "3-1 楼道", "checklist": "stairwell", "tag": "T31" },
                { "code": "3-2", "name": "3-2 楼道", "checklist": "stairwell",
                  "position": { "latitude_e7": 302741000, "longitude_e7": 1201551000 } },
            ],
        }],
    });
    let saved = supervisor.told(&["perform", &plan.to_string()]);
    supervisor.told(&["sync"]);
    assert_eq!(supervisor.told(&["account"])["refused"], 0);
    saved["record"].as_str().expect("a record").to_owned()
}

/// The site's day: the one on which the order of the stage was opened just now.
async fn today(stage: &Stage) -> String {
    let review = stage.read().await["review"].take();
    let at_ms = review["timeline"][0]["at_ms"].as_i64().expect("a time");
    let zone = review["time_zone"].as_str().expect("a zone");
    local_time(at_ms, zone).chars().take(10).collect()
}

#[tokio::test]
async fn an_officer_walks_a_planned_round_and_all_of_it_arrives() {
    let stage = Stage::new().await;
    let (officer, phone) = stage.person("赵巡", "patrol_officer");
    let (_, supervisor) = stage.person("孙主管", "supervisor");
    planned(&supervisor, &today(&stage).await, officer);
    phone.told(&["sync"]);
    let round = phone.told(&["rounds"])["rounds"][0].take();
    assert_eq!(round["planned"]["round"]["officer"], officer);
    let record = round["record"].as_str().expect("a record");
    let start = &record[..8];
    phone.told(&["start-round", start]);
    phone.told(&["checkpoint", start, "3-1", "--tag", "T31"]);
    phone.told(&["check", start, "3-1", "lights", "not_ok", "--note", "两盏不亮"]);
    phone.told(&["rest-ok", start, "3-1"]);
    phone.told(&["checkpoint", start, "3-2", "--at", "30.2741,120.1551"]);
    phone.told(&["finding", start, "facility", "3-1 楼道", "灯罩破损", "--checkpoint", "3-1"]);
    assert_eq!(phone.failed(&["rest-ok", start, "3-1"]), failure(1, "no_such_fact"));
    assert_eq!(phone.failed(&["check", start, "3-9", "lights", "ok"]).0, 1);
    assert_eq!(phone.failed(&["checkpoint", start, "3-1"]), failure(64, "usage"));
    let shown = phone.told(&["round", start]);
    assert_eq!(keys(&shown), ["record", "round", "status"]);
    assert_eq!((&shown["status"], &shown["round"]["visited"]), (&json!("under_way"), &json!(2)));
    let items = shown["round"]["coverage"][0]["items"].as_array().expect("a list");
    let result = |name: &str| items.iter().find(|item| item["item"] == name).expect("an item");
    assert_eq!(result("lights")["result"], "not_ok");
    assert_eq!(
        (&result("hydrant")["result"], &result("hydrant")["by_rest"]),
        (&json!("ok"), &json!(true),)
    );
    assert_eq!(shown["round"]["findings"][0]["content"]["description"], "灯罩破损");
    assert!(phone.words(&["round", start]).contains("灯罩破损"));
    phone.told(&["step", "round_finished", start]);
    phone.told(&["sync"]);
    let account = phone.told(&["account"]);
    assert_eq!((&account["refused"], &account["on_phone"]), (&json!(0), &json!(0)), "{account}");
    // The supervisor sees the same round.
    supervisor.told(&["sync"]);
    let seen = supervisor.told(&["round", start]);
    assert_eq!((&seen["status"], &seen["round"]["visited"]), (&json!("finished"), &json!(2)));
    stage.server.stop();
}

#[tokio::test]
async fn the_demo_walks_the_round_of_an_officer_who_has_one() {
    let stage = Stage::new().await;
    let officer = stage.installation.person("赵巡", None, "patrol_officer");
    let (_, supervisor) = stage.person("孙主管", "supervisor");
    planned(&supervisor, &today(&stage).await, officer);
    let demo = stage.demo(officer);
    let told = stage.phone.in_demo(&demo, &[]);
    for line in ["enrol", "rounds", "start-round", "checkpoint", "rest-ok", "finding", "sync"] {
        let wanted = format!("$ fieldbook-phone --demo {} {line}", demo.display());
        assert!(told.contains(&wanted), "{line}: {told}");
    }
    let phone = Terminal { binary: stage.phone.binary.clone(), profile: demo.join("phone") };
    let account = phone.told(&["account"]);
    // Four steps, and the round itself where the server has not opened it yet.
    assert!([json!(4), json!(5)].contains(&account["saved"]), "{account}");
    assert_eq!(account["saved"], account["accepted"], "{account}");
    // A second time it goes on to the next checkpoint, which is shown by its position.
    assert!(stage.phone.in_demo(&demo, &[]).contains("--at 30.2741000,120.1551000"));
    let record = phone.told(&["rounds"])["rounds"][0]["record"].take();
    let round = phone.told(&["round", record.as_str().expect("a record")])["round"].take();
    assert_eq!(round["visited"], 2);
    stage.server.stop();
}

/// R7.13
#[tokio::test]
async fn an_alarm_is_sent_at_once_and_without_signal_the_radio_is_named() {
    let stage = Stage::new().await;
    let (_, phone) = stage.person("赵巡", "patrol_officer");
    let sent = phone.told(&["alarm", "gas", "3-2-1501", "厨房有气味"]);
    assert_eq!(keys(&sent), ["key", "number", "record", "sent"]);
    assert_eq!(sent["sent"], true);
    assert_eq!(phone.told(&["account"])["accepted"], 1);
    phone.told(&["airplane", "on"]);
    let kept = phone.words(&["--lang", "zh-CN", "alarm", "burning", "3-2-1502"]);
    assert!(kept.contains("对讲机"), "{kept}");
    assert_eq!(phone.told(&["outbox"])["on_phone"], 1);
    phone.told(&["airplane", "off"]);
    stage.server.stop();
    assert_eq!(phone.told(&["alarm", "other", "门岗"])["sent"], false);
    assert_eq!(phone.failed(&["alarm", "no_such_kind", "门岗"]), failure(1, "bad_input"));
}

#[tokio::test]
async fn an_item_of_the_inbox_is_read_and_stays_read() {
    let stage = Stage::enrolled().await;
    let phone = &stage.phone;
    let item = phone.told(&["inbox"])["items"][0].take();
    assert_eq!((&item["kind"], &item["read"]), (&json!("assigned"), &json!(false)));
    assert_eq!(item["record"], stage.order.as_str());
    let key = item["key"].as_str().expect("a key");
    phone.told(&["inbox", "read", key]);
    let read = |phone: &Terminal| phone.told(&["inbox"])["items"][0]["read"].take();
    assert_eq!(read(phone), true);
    phone.told(&["sync"]);
    assert_eq!(read(phone), true);
    phone.told(&["inbox", "acknowledge", key]);
    assert_eq!(phone.told(&["inbox"])["items"][0]["done"], true);
    assert_eq!(phone.failed(&["inbox", "answer", key, "好"]), failure(1, "no_such_fact"));
    assert_eq!(phone.failed(&["inbox", "read", "~"]), failure(1, "unknown_record"));
    phone.told(&["sync"]);
    let account: Value = phone.told(&["account"]);
    assert_eq!((&account["refused"], &account["accepted"]), (&json!(0), &json!(2)), "{account}");
    stage.server.stop();
}
