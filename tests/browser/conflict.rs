//! Two values of one field: the office chooses by a button, and the phones agree.

use fantoccini::key::Key;
use serde_json::{Value, json};

use super::browser::{Browser, Kind};
use super::scene::{Scene, TEN, TWO};

const CASE: &str = "form[data-case=field_conflict]";
const GONE: &str = "//main[not(.//form[@data-case='field_conflict'])]";

fn button(value: &str) -> String {
    // A value stands in the button as JSON.
    format!("{CASE} button[name=value][value='\"{value}\"']")
}

#[tokio::test]
async fn a_link_signs_in_once() {
    let scene = Scene::new("厨房漏水").await;
    let link = scene.link(scene.stage.sun, &scene.stage.url).await;
    let browser = Browser::start(Kind::default()).await;
    // Looking at it does not use it: programs that preview links look too.
    browser.goto(&link).await;
    browser.goto(&link).await;
    browser.click("#sign-in").await;
    let order = format!("//main[@id='live']//a[contains(@href, '{}')]", scene.order);
    assert_eq!(browser.until(&order).await.text().await.expect("a text"), "厨房漏水");
    assert_eq!(browser.url().await, format!("{}/office", scene.stage.url));

    let other = Browser::start(Kind::default()).await;
    other.goto(&link).await;
    other.find("h1").await;
    assert!(other.all("#sign-in").await.is_empty(), "it was used");
    other.goto(&format!("{}/office", scene.stage.url)).await;
    assert_eq!(other.url().await, format!("{}/office/sign-in", scene.stage.url));
}

#[tokio::test]
async fn the_office_resolves_a_conflict_by_its_button_and_the_phones_agree_after_their_next_sync() {
    let mut scene = Scene::in_conflict().await;
    assert!(scene.appointment(&scene.chen).await.1);
    let browser = scene.browser().await;
    let order = browser.until(&format!("//a[contains(@href, '{}')]", scene.order)).await;
    order.click().await.expect("opens");
    browser.find(CASE).await;
    assert_eq!(browser.all(&format!("{CASE} button[name=value]")).await.len(), 2);
    for (value, said) in [(TEN, ["10:00", "王师傅"]), (TWO, ["14:00", "陈静"])] {
        let text = browser.text(&button(value)).await;
        assert!(said.iter().all(|part| text.contains(part)), "{text}");
    }
    let reason = browser.find(&format!("{CASE} input[name=reason]")).await;
    reason.clear().await.expect("is empty");
    reason.send_keys("客户来电确认").await.expect("is typed");
    browser.click(&button(TWO)).await;
    browser.until(GONE).await;
    assert!(browser.text("#timeline").await.contains("客户来电确认"));

    assert_eq!(
        scene.office.read(scene.order).await["review"]["fields"]["appointment"]["value"],
        TWO
    );
    scene.wang.sync().await;
    scene.chen.sync().await;
    for phone in [&scene.wang, &scene.chen] {
        assert_eq!(scene.appointment(phone).await, (json!(TWO), false));
    }
    let phones = [&scene.wang, &scene.chen];
    let review = scene.stage.all_equal(&scene.office, &phones, scene.order).await;
    assert_eq!(review["fields"]["appointment"]["value"], TWO);
    // The office's own API could still write: the page took nothing away from it.
    scene.office.order(scene.order, "note", json!({ "text": "已回电" })).await;
}

#[tokio::test]
async fn without_a_script_the_same_conflict_is_resolved() {
    let scene = Scene::in_conflict().await;
    let kind = Kind { without_script: true };
    let browser = scene.browser_over(&scene.stage.url, kind).await;
    let probe = "data:text/html,<p id=p>off</p><script>p.textContent='on'</script>";
    browser.goto(probe).await;
    assert_eq!(browser.text("#p").await, "off", "scripts do not run");

    browser.goto(&scene.order_url()).await;
    browser.click(&button(TEN)).await;
    browser.until(GONE).await;
    scene.chen.sync().await;
    assert_eq!(scene.appointment(&scene.chen).await, (json!(TEN), false));
}

#[tokio::test]
async fn the_keyboard_alone_resolves_a_conflict() {
    let scene = Scene::in_conflict().await;
    let browser = scene.browser().await;
    browser.goto(&scene.order_url()).await;
    browser.find(&button(TWO)).await;
    let focused = "const f = document.activeElement; return f.name === 'value' ? f.value : null";
    let mut presses = 0;
    while browser.script(focused).await != Value::String(format!("\"{TWO}\"")) {
        presses += 1;
        assert!(presses < 60, "Tab does not reach the button");
        browser.press(Key::Tab).await;
    }
    assert!(presses > 1, "something comes before it");
    let outline = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(browser.script(outline).await, "solid", "the focus is seen");
    browser.press(Key::Enter).await;
    browser.until(GONE).await;
    scene.wang.sync().await;
    assert_eq!(scene.appointment(&scene.wang).await, (json!(TWO), false));
}
