//! A patrol round for the pages to show: some points visited, one skipped, one missed, one finding.

use fieldbook_server::people::grant::NewGrant;
use fieldbook_server::people::{directory, grant};
use serde_json::{Value, json};
use sync_core::model::id::{PersonId, RecordId};
use sync_core::model::person::Role;

use super::phone::Phone;
use super::stage::{MINUTE_MS, SITE, Stage};

/// An officer of the site.
pub async fn officer(stage: &Stage) -> PersonId {
    let app = &stage.app;
    let mut conn = app.db.begin_write().await.expect("begins");
    let person = directory::add(&mut conn, app.act(), "赵巡", None).await.expect("added");
    let role = Role::PatrolOfficer;
    let new = NewGrant { person, role, site: SITE, from_ms: 0, to_ms: None, on_behalf_of: None };
    grant::grant(&mut conn, app.act(), &new).await.expect("granted");
    conn.commit().await.expect("commits");
    person
}

/// A round under way on the officer's phone, not sent yet.
pub async fn begun(phone: &Phone, officer: PersonId) -> RecordId {
    let points = [
        ("1-lobby", "1 栋大堂", "stairwell", 1_000, 1_139_300_000),
        ("1-stair-12", "1 栋 12 层楼道", "stairwell", 5_000, 1_139_303_000),
        ("2-lobby", "2 栋大堂", "stairwell", 2_500, 1_139_312_000),
        ("garden", "中心花园", "public_structures", 8_000, 1_139_307_000),
        ("gate-north", "北门", "surroundings", 13_000, 1_139_305_000),
        ("parking", "地下车库入口", "roads_and_squares", 3_500, 1_139_309_000),
    ];
    let checkpoints = points.map(|(code, name, checklist, north, longitude_e7)| {
        json!({ "code": code, "name": name, "checklist": checklist, "tag": format!("FB-{code}"),
            "position": { "latitude_e7": 225_400_000 + north, "longitude_e7": longitude_e7 } })
    });
    let create = json!({ "command": "create_round", "site": SITE, "patrol": "fire_safety",
        "area": "一期东区", "officer": officer, "checkpoints": checkpoints });
    let command = serde_json::from_value(create).expect("a command");
    let round = phone.replica.perform(&command, None).await.expect("allowed").record;
    phone.step(round, "round_started", Value::Null).await;
    round
}

/// The round is walked to its end and sent.
pub async fn walk(stage: &Stage, phone: &Phone, round: RecordId) {
    let visits = [("1-lobby", "qr_code"), ("1-stair-12", "nfc"), ("garden", "qr_code")];
    for (code, method) in visits {
        stage.pass_ms(4 * MINUTE_MS);
        visit(phone, round, code, method).await;
        if code == "1-stair-12" {
            let checked = json!({ "checkpoint": code, "item": "extinguisher", "result": "not_ok",
                "note": "压力表在红区" });
            phone.step(round, "checked", checked).await;
            let finding = json!({ "finding": "facility", "place": "1 栋 12 层楼道",
                "checkpoint": code, "item": "extinguisher",
                "description": "灭火器压力不足，需要更换" });
            phone.step(round, "finding", finding).await;
        }
        let rest = json!({ "command": "rest_ok", "checkpoint": code });
        phone.perform(round, rest).await;
    }
    let skipped = json!({ "checkpoint": "parking", "reason": "正在刷地坪漆，封闭" });
    phone.step(round, "checkpoint_skipped", skipped).await;
    stage.pass_ms(5 * MINUTE_MS);
    visit(phone, round, "gate-north", "qr_code").await;
    phone.step(round, "round_finished", Value::Null).await;
    phone.sync().await;
}

/// A checkpoint is reached.
pub async fn visit(phone: &Phone, round: RecordId, code: &str, method: &str) {
    let visited = json!({ "checkpoint": code, "method": method, "tag": format!("FB-{code}") });
    phone.step(round, "checkpoint_visited", visited).await;
}

/// A smell of burning, told at once.
pub async fn smells(phone: &Phone) {
    let alarm = json!({ "command": "raise_alarm", "site": SITE, "alarm": "burning",
        "place": "2 栋 8 层弱电井", "description": "有焦糊味，井门锁着" });
    let command = serde_json::from_value(alarm).expect("a command");
    phone.replica.perform(&command, None).await.expect("allowed");
    phone.sync().await;
}
