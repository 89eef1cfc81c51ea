//! A round's page: coverage that grows while the officer walks, the plan, and what was found. And
//! drawings as the browser draws them: a picture's parts are all seen.

use super::patrol;
use super::scene::{STROKES, Scene};

/// The size on the page of every part of a drawing.
fn drawn(css: &str) -> String {
    format!(
        "return [...document.querySelectorAll('{css}')].map((part) => part.getBoundingClientRect())
            .filter((box) => box.width > 0 && box.height > 0).length"
    )
}

#[tokio::test]
async fn a_round_is_covered_on_the_page_while_it_is_walked() {
    let scene = Scene::new("厨房漏水").await;
    let officer = patrol::officer(&scene.stage).await;
    let phone = scene.stage.phone(officer).await;
    let round = patrol::begun(&phone, officer).await;
    let browser = scene.browser().await;
    browser.find("#orders").await;
    phone.sync().await;
    let link = format!("//main[@id='live']//a[contains(@href, '/office/rounds/{round}')]");
    browser.until(&link).await.click().await.expect("opens");
    browser.find("[data-coverage='0/6']").await;
    assert_eq!(browser.script(&drawn("svg.plan circle")).await, 6, "every point is drawn");

    browser.script("window.marked = true").await;
    patrol::visit(&phone, round, "1-lobby", "qr_code").await;
    phone.sync().await;
    browser.find("[data-coverage='1/6']").await;
    patrol::walk(&scene.stage, &phone, round).await;
    browser.find("[data-coverage='4/6']").await;
    assert_eq!(browser.script("return window.marked === true").await, true);
    assert_eq!(browser.script(&drawn("svg.plan circle")).await, 6);

    // What was found has become an order, which is one click away.
    browser.click("#findings a").await;
    browser.until("//h1[contains(., '灭火器压力不足')]").await;
}

#[tokio::test]
async fn every_stroke_of_a_signature_is_drawn() {
    let scene = Scene::full().await;
    let browser = scene.browser().await;
    browser.goto(&scene.order_url()).await;
    browser.find("figure.signature svg").await;
    let strokes = browser.script(&drawn("figure.signature polyline")).await;
    assert_eq!(strokes, STROKES, "none inside another, where it would not be drawn");
}
