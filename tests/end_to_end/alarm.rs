//! An alarm goes before everything else that waits on a phone, and to whoever is on duty.

use fieldbook_server::jobs;
use serde_json::{Value, json};
use sync_core::model::person::Role;

use super::patrol::{open_round, plan};
use super::stage::{MINUTE_MS, SITE, Stage, notes};

fn gas() -> Value {
    json!({ "command": "raise_alarm", "site": SITE, "alarm": "gas", "place": "3幢2单元" })
}

/// R7.12
#[tokio::test]
async fn an_alarm_after_300_unsent_commands_is_in_the_first_request_and_alone_there() {
    let stage = Stage::new().await;
    let feng = stage.person("冯强", Role::PatrolOfficer).await;
    let zhou = stage.person("周主管", Role::Supervisor).await;
    let boss = stage.phone(zhou).await;
    plan(&boss, feng.0).await;
    boss.sync().await;
    let officer = stage.phone(feng).await;
    let round = open_round(&officer).await;
    for index in 1..300 {
        officer.note(round, &format!("第 {index} 条")).await;
    }
    let alarm = officer.open(gas()).await.record;
    assert_eq!(officer.account().await, [301, 0, 0, 0, 301]);
    let report = officer.replica.sync(1).await.expect("syncs");
    assert_eq!((report.pushed, report.more), (1, true));
    let there = stage.review(alarm).await;
    assert_eq!(there["status"], "raised");
    assert!(stage.app.sync.read(round).await.expect("reads").is_none(), "nothing else yet");
    let gaps: i64 = sqlx::query_scalar("select count(*) from desk_case")
        .fetch_one(stage.app.db.reader())
        .await
        .expect("reads");
    assert_eq!(gaps, 0, "what is still on the phone is no gap");
    officer.sync().await;
    assert_eq!(officer.account().await, [301, 301, 0, 0, 0]);
    assert_eq!(notes(&stage.review(round).await).len(), 299);
}

/// R7.12
#[tokio::test]
async fn a_request_that_crawls_is_given_up_for_an_alarm() {
    let stage = Stage::new().await;
    let feng = stage.person("冯强", Role::PatrolOfficer).await;
    let zhou = stage.person("周主管", Role::Supervisor).await;
    let boss = stage.phone(zhou).await;
    plan(&boss, feng.0).await;
    boss.sync().await;
    let officer = stage.phone(feng).await;
    let round = open_round(&officer).await;
    for index in 1..300 {
        officer.note(round, &format!("第 {index} 条")).await;
    }
    officer.wire.stick();
    let raise = async {
        officer.wire.stuck().await;
        officer.open(gas()).await.record
    };
    let (report, alarm) = tokio::join!(officer.replica.sync(2), raise);
    let report = report.expect("syncs");
    assert_eq!((report.pushed, report.more), (1, true), "the alarm alone has arrived");
    assert_eq!(stage.review(alarm).await["status"], "raised");
    assert!(stage.app.sync.read(round).await.expect("reads").is_none());
    officer.sync().await;
    assert_eq!(officer.account().await, [301, 301, 0, 0, 0]);
}

#[tokio::test]
async fn an_alarm_nobody_takes_on_goes_to_the_next_after_2_min_once_each() {
    let stage = Stage::new().await;
    let feng = stage.person("冯强", Role::PatrolOfficer).await;
    let first = stage.person("保安甲", Role::Security).await;
    let second = stage.person("保安乙", Role::Security).await;
    let (officer, guard) = (stage.phone(feng).await, stage.phone(second).await);
    let alarm = officer.open(gas()).await.record;
    officer.sync().await;
    let told = async |stage: &Stage| {
        // Two runners and a restart: what was written stands.
        for _ in 0..2 {
            jobs::run_due(&stage.app, stage.now_ms()).await.expect("runs");
        }
        let review = stage.review(alarm).await;
        let alerted = review["alarm"]["alerted"].as_array().expect("a list").clone();
        alerted.iter().map(|told| told["person"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(told(&stage).await, [json!(first)]);
    stage.pass_ms(2 * MINUTE_MS - 1);
    assert_eq!(told(&stage).await, [json!(first)]);
    stage.pass_ms(1);
    assert_eq!(told(&stage).await, [json!(first), json!(second)]);
    guard.sync().await;
    let inbox = guard.replica.inbox().await.expect("reads");
    let item = &inbox[0];
    assert_eq!((item.record, item.done), (alarm, false));
    guard.perform(alarm, json!({ "command": "acknowledge", "of": item.key })).await;
    guard.sync().await;
    assert_eq!(stage.review(alarm).await["status"], "acknowledged");
    stage.pass_ms(60 * MINUTE_MS);
    assert_eq!(told(&stage).await, [json!(first), json!(second)], "taken on: nobody else");
    officer.sync().await;
    let seen = officer.review(alarm).await;
    assert_eq!(seen["alarm"]["acknowledged_by"], json!(second));
}
