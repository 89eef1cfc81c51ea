//! A phone's wall clock that is wrong, set back in the middle of a visit, and a restarted device:
//! times and waits are right or flagged in what the office reads. Suspend and real reboots of real
//! devices are not checked here.

use serde_json::{Value, json};
use sync_core::model::id::RecordId;

use super::stage::{MINUTE_MS, Stage, facts, open_cases};

const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Time and whether it can be relied on.
fn time(fact: &Value) -> (i64, bool) {
    (fact["at_ms"].as_i64().expect("a time"), fact["verified"] == true)
}

fn wait(review: &Value, name: &str) -> Option<i64> {
    let waits = review["visits"][0]["waits"].as_array().expect("waits");
    waits.iter().find(|wait| wait["name"] == name).expect("the wait")["ms"].as_i64()
}

fn deviations(review: &Value) -> String {
    review["visits"][0]["deviations"].to_string()
}

async fn office_sees(stage: &Stage, record: RecordId) -> Value {
    stage.office("sun").await.read(record).await["review"].clone()
}

/// R4.2
#[tokio::test]
async fn a_clock_three_hours_wrong_and_set_back_in_mid_visit_changes_no_wait_and_no_time() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let wang = stage.phone_over(stage.wang, &stage.url).await;
    wang.clock.set_wrong_by_ms(3 * HOUR_MS);
    wang.sync().await;
    let record = office.dispatch(stage.wang, "厨房漏水").await;
    wang.sync().await;
    stage.pass_ms(MINUTE_MS);
    let visit = wang.step(record, "set_out", json!({ "grade": 2 })).await.key;
    let set_out_ms = stage.now_ms();
    stage.pass_ms(MINUTE_MS);
    wang.step(record, "ring", json!({ "visit": visit })).await;
    let ring_ms = stage.now_ms();
    wang.clock.set_wrong_by_ms(-2 * HOUR_MS);
    stage.pass_ms(5_100);
    wang.step(record, "ring", json!({ "visit": visit })).await;
    wang.sync().await;

    let review = office_sees(&stage, record).await;
    assert_eq!(time(facts(&review, "set_out")[0]), (set_out_ms, true));
    let rings = facts(&review, "ring");
    assert_eq!(time(rings[0]), (ring_ms, true), "in the order they were written in");
    assert_eq!(time(rings[1]), (ring_ms + 5_100, true));
    assert_eq!(rings[0]["wall_ms"], ring_ms + 3 * HOUR_MS, "the phone's own clock is kept");
    assert_eq!(rings[1]["wall_ms"], ring_ms + 5_100 - 2 * HOUR_MS);
    assert_eq!(wait(&review, "ring_pause"), Some(5_100));
    assert!(!deviations(&review).contains("ring_too_soon"), "{}", deviations(&review));
    assert_eq!(open_cases(&review, "clock_unverified"), [] as [&Value; 0]);
}

#[tokio::test]
async fn a_restart_in_mid_visit_is_right_once_its_boot_has_met_the_server() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let wang = stage.phone_over(stage.wang, &stage.url).await;
    wang.clock.set_wrong_by_ms(3 * HOUR_MS);
    wang.sync().await;
    let record = office.dispatch(stage.wang, "厨房漏水").await;
    wang.sync().await;
    stage.pass_ms(MINUTE_MS);
    let visit = wang.step(record, "set_out", json!({ "grade": 2 })).await.key;
    wang.step(record, "ring", json!({ "visit": visit })).await;
    let ring_ms = stage.now_ms();
    stage.pass_ms(3_000);
    wang.clock.reboot();
    let wang = wang.reopen().await;
    wang.step(record, "ring", json!({ "visit": visit })).await;

    // The new boot has not met the server: the phone says that it does not know.
    let here = wang.review(record).await;
    assert_eq!(time(facts(&here, "ring")[1]), (ring_ms + 3_000 + 3 * HOUR_MS, false));
    assert_eq!(wait(&here, "ring_pause"), None);
    stage.pass_ms(HOUR_MS);
    wang.sync().await;
    let review = stage.all_equal(&office, &[&wang], record).await;
    let rings = facts(&review, "ring");
    assert_eq!(time(rings[0]), (ring_ms, true));
    assert_eq!(time(rings[1]), (ring_ms + 3_000, true));
    assert_eq!(wait(&review, "ring_pause"), Some(3_000));
    assert!(deviations(&review).contains("ring_too_soon"), "across the restart");
}

#[tokio::test]
async fn a_boot_that_never_met_the_server_is_flagged_and_its_waits_across_boots_are_unknown() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let wang = stage.phone(stage.wang).await;
    let record = office.dispatch(stage.wang, "厨房漏水").await;
    wang.sync().await;
    let visit = wang.step(record, "set_out", json!({ "grade": 2 })).await.key;
    wang.step(record, "ring", json!({ "visit": visit })).await;
    wang.clock.reboot();
    wang.clock.set_wrong_by_ms(-3 * HOUR_MS);
    let wang = wang.reopen().await;
    stage.pass_ms(2_000);
    wang.step(record, "ring", json!({ "visit": visit })).await;
    let second_ms = stage.now_ms();
    stage.pass_ms(MINUTE_MS);
    wang.clock.reboot();
    let wang = wang.reopen().await;
    wang.sync().await;

    let review = stage.all_equal(&office, &[&wang], record).await;
    let rings = facts(&review, "ring");
    assert!(time(rings[0]).1, "{rings:?}");
    assert_eq!(time(rings[1]), (second_ms - 3 * HOUR_MS, false), "after it all the same");
    assert_eq!(wait(&review, "ring_pause"), None);
    assert!(!deviations(&review).contains("ring_too_soon"), "{}", deviations(&review));
    assert_eq!(open_cases(&review, "clock_unverified").len(), 1);
}
