//! Any text that people write arrives as it was written, and is measured before it is saved.

use serde_json::json;

use super::phone::denial;
use super::stage::{Stage, notes};

/// Four bytes, a family joined of seven code points, an override of direction, a combining mark.
const TEXTS: [&str; 4] = ["𠮷野家", "👨‍👩‍👧‍👦到家了", "门牌\u{202E}203\u{202C}号", "e\u{301} ≠ é"];

#[tokio::test]
async fn any_text_is_unchanged_through_phone_server_other_phone_and_interface() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let (wang, chen) = (stage.phone(stage.wang).await, stage.phone(stage.chen).await);
    let description = TEXTS.concat();
    let record = office.dispatch(stage.wang, &description).await;
    wang.sync().await;
    for text in TEXTS {
        wang.note(record, text).await;
    }
    let wang = wang.reopen().await;
    assert_eq!(notes(&wang.review(record).await), TEXTS, "in the store of the phone");
    wang.sync().await;
    chen.sync().await;
    let review = stage.all_equal(&office, &[&wang, &chen], record).await;
    assert_eq!(notes(&review), TEXTS);
    assert_eq!(review["fields"]["description"]["value"], json!(description));
    let (_, list) = office.get("/v1/work-orders?site=7").await;
    assert_eq!(list["items"][0]["title"], json!(description));
}

#[tokio::test]
async fn limits_are_told_by_code_before_anything_is_saved() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let wang = stage.phone(stage.wang).await;
    let record = office.dispatch(stage.wang, "厨房漏水").await;
    wang.sync().await;
    let note = |text: &str| json!({ "command": "note", "text": text });
    let long = "𠮷".repeat(1_001);
    let too_long = json!({ "field": "text", "limit": "1000" });
    let refused = denial(wang.try_perform(record, note(&long)).await);
    assert_eq!(refused, ("text_too_long".to_owned(), too_long));
    let refused = denial(wang.try_perform(record, note("\u{3000}")).await);
    assert_eq!(refused, ("text_empty".to_owned(), json!({ "field": "text" })));
    assert_eq!(wang.account().await, [0; 5], "nothing was saved");

    let path = format!("/v1/work-orders/{record}/note");
    let (status, problem) = office.post(&path, &json!({ "text": long })).await;
    let params = json!({ "denial": "text_too_long", "field": "text", "limit": "1000" });
    assert_eq!((status, &problem["params"]), (422, &params));
    wang.note(record, &"𠮷".repeat(1_000)).await;
    wang.sync().await;
    let review = stage.all_equal(&office, &[&wang], record).await;
    assert_eq!(notes(&review), ["𠮷".repeat(1_000)]);
}
