//! A day is closed on its page, and what comes late reopens it before the clerk's eyes.

use super::scene::Scene;

#[tokio::test]
async fn a_day_that_was_closed_is_reopened_on_the_page_by_what_comes_late() {
    let scene = Scene::new("厨房漏水").await;
    scene.wang.note(scene.order, "没有信号时写的").await;
    let browser = scene.browser().await;
    browser.size(390, 844).await;
    browser.click("nav a[href='/office/account']").await;
    browser.find("#state[data-state=open]").await;
    browser.find(&format!("[data-unknown='{}']", scene.wang.device)).await;
    browser.click("#account-form button").await;
    browser.find("#state[data-state=closed]").await;
    let narrow = "return document.documentElement.scrollWidth <= window.innerWidth";
    assert_eq!(browser.script(narrow).await, true, "it fits a phone's screen");

    browser.script("window.marked = true").await;
    scene.wang.sync().await;
    browser.find("#state[data-state=reopened]").await;
    assert_eq!(browser.script("return window.marked === true").await, true, "nobody read it again");
    browser.click("nav a[href='/office']").await;
    browser.find("[data-case=late_for_closed_day]").await;
}
