//! The page changes by itself when a phone syncs, and never takes away what is being typed.

use fantoccini::key::Key;
use serde_json::json;

use super::browser::Kind;
use super::cable::Cable;

use super::scene::Scene;

/// The page has not been loaded again since.
const MARK: &str = "window.marked = true";
const MARKED: &str = "return window.marked === true";

fn says(text: &str) -> String {
    format!("//main[@id='live']//*[@id='timeline'][contains(., '{text}')]")
}

#[tokio::test]
async fn the_page_changes_by_itself_when_a_phone_syncs() {
    let scene = Scene::new("厨房漏水").await;
    let browser = scene.browser().await;
    browser.goto(&scene.order_url()).await;
    browser.find("#timeline").await;
    browser.script(MARK).await;
    scene.wang.note(scene.order, "带梯子").await;
    scene.wang.sync().await;
    browser.until(&says("带梯子")).await;
    assert_eq!(browser.script(MARKED).await, true, "without loading it again");

    // A conflict appears on the list of what waits, too.
    browser.goto(&format!("{}/office", scene.stage.url)).await;
    browser.script(MARK).await;
    scene.disagree().await;
    browser
        .until(&format!("//section[@id='waiting']//a[contains(@href, '{}')]", scene.order))
        .await;
    assert_eq!(browser.script(MARKED).await, true);
}

#[tokio::test]
async fn a_cut_stream_starts_again_and_nothing_of_the_gap_is_missed() {
    let scene = Scene::new("厨房漏水").await;
    let mut cable = Cable::to(&scene.stage.url).await;
    let browser = scene.browser_over(&cable.url, Kind::default()).await;
    browser.goto(&format!("{}/office/orders/{}", cable.url, scene.order)).await;
    browser.find("#timeline").await;
    scene.wang.note(scene.order, "第一").await;
    scene.wang.sync().await;
    browser.until(&says("第一")).await;
    browser.script(MARK).await;

    // What is written while nothing is connected is told by no event: the page finds it as soon as
    // its stream begins again.
    cable.pull_out().await;
    scene.wang.note(scene.order, "第二").await;
    scene.wang.sync().await;
    cable.put_back();
    browser.until(&says("第二")).await;
    scene.wang.note(scene.order, "第三").await;
    scene.wang.sync().await;
    browser.until(&says("第三")).await;
    assert_eq!(browser.script(MARKED).await, true, "without loading it again");
}

#[tokio::test]
async fn a_half_typed_note_is_not_lost_when_something_happens() {
    let scene = Scene::new("厨房漏水").await;
    let browser = scene.browser().await;
    browser.goto(&scene.order_url()).await;
    let note = browser.find("#note-text").await;
    note.send_keys("客户说明天").await.expect("is typed");
    scene.wang.note(scene.order, "带梯子").await;
    scene.wang.sync().await;
    browser.until("//*[@id='news'][not(@hidden)]").await;
    // Typing goes on where it was.
    browser.press(Key::Space).await;
    let typed = browser.find("#note-text").await.prop("value").await.expect("a value");
    assert_eq!(typed.as_deref(), Some("客户说明天 "));
    browser.click("form#note button").await;
    // What was typed is written, and the page shows what happened meanwhile.
    browser.until(&says("客户说明天")).await;
    browser.until(&says("带梯子")).await;
    let answer = scene.office.read(scene.order).await;
    let notes = super::stage::notes(&answer["review"]).join("|");
    assert_eq!(json!(notes), "带梯子|客户说明天");
}
