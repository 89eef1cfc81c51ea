//! Both languages on every page: complete words, never an id, and what people wrote as text.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sync_core::texts::{Language, source};

use super::scene::Scene;

/// The first parts of all ids of texts: `office`, `denial`, `fact` ...
fn groups() -> BTreeSet<&'static str> {
    let office = include_str!("../../server/texts/zh-CN/office.ftl");
    let lines = office.lines().chain(source(Language::ZhCn).lines());
    let ids = lines.filter_map(|line| line.split_once(" = ")).map(|(id, _)| id);
    ids.filter_map(|id| id.split_once('-')).map(|(group, _)| group).collect()
}

/// What no reader should see: ids of texts, codes, and the word for a code without words.
fn unsaid() -> String {
    let groups = groups().into_iter().collect::<Vec<_>>().join("|");
    format!(
        "const labels = [...document.querySelectorAll('[aria-label], [title], [placeholder]')]
            .flatMap((part) => ['aria-label', 'title', 'placeholder'].map((n) => part.getAttribute(n)));
         const hidden = [...document.querySelectorAll('title, option, summary, details')]
            .map((part) => part.textContent);
         const text = [document.body.innerText, ...labels, ...hidden].join('\\n');
         const id = /\\b({groups})-[a-z0-9]+(-[a-z0-9]+)*\\b/g;
         const code = /\\b[a-z]+(_[a-z]+)+\\b/g;
         const unknown = /unknown \\(|未知（/g;
         return [id, code, unknown].flatMap((form) => text.match(form) || []);"
    )
}

/// Words of the page itself, not of those who wrote something, in the other script.
const IN_CHINESE: &str = "
    const own = 'h2, th[scope=col], label, dt, summary, .top nav a, form button:not([name=value])';
    return [...document.querySelectorAll(own)].map((part) => part.textContent.trim())
        .filter((text) => /\\p{Script=Han}/u.test(text));";
const NOT_IN_CHINESE: &str = "
    const own = 'h2, th[scope=col], label, dt, summary, .top nav a, form button:not([name=value])';
    return [...document.querySelectorAll(own)].map((part) => part.textContent.trim())
        .filter((text) => text && !/\\p{Script=Han}/u.test(text));";

#[tokio::test]
async fn every_page_is_complete_in_both_languages() {
    let scene = Scene::full().await;
    let browser = scene.browser().await;
    let unsaid = unsaid();
    for page in scene.pages() {
        browser.goto(&format!("{page}?lang=zh-CN")).await;
        browser.find("html[lang=zh-CN] main#live").await;
        assert_eq!(browser.script(&unsaid).await, json!([]), "{page}");
        assert_eq!(browser.script(NOT_IN_CHINESE).await, json!([]), "{page}");
        // The switch is a link on every page, and the choice stays.
        browser.click("a[lang=en]").await;
        browser.find("html[lang=en] main#live").await;
        assert_eq!(browser.url().await.split('?').next(), Some(page.as_str()));
        assert_eq!(browser.script(&unsaid).await, json!([]), "{page}");
        assert_eq!(browser.script(IN_CHINESE).await, json!([]), "{page}");
        browser.goto(&page).await;
        browser.find("html[lang=en] main#live").await;
        browser.click("a[lang=zh-CN]").await;
        browser.find("html[lang=zh-CN] main#live").await;
    }
}

#[tokio::test]
async fn an_id_in_a_page_would_be_found() {
    let scene = Scene::new("厨房漏水").await;
    let browser = scene.browser().await;
    let write =
        |text: &str| format!("document.querySelector('h1').textContent = '{text}'; return null");
    for unsaid_text in ["office-news", "field_conflict", "denial-not-your-role", "unknown (x)"] {
        browser.script(&write(unsaid_text)).await;
        assert_ne!(browser.script(&unsaid()).await, json!([]), "{unsaid_text}");
    }
    browser.script(&write("sign-in by one-time link 3 km/h")).await;
    assert_eq!(browser.script(&unsaid()).await, json!([]));
}

#[tokio::test]
async fn a_script_in_what_people_wrote_is_shown_as_text() {
    let script = "<script>window.taken=1</script><img src=x onerror=\"window.taken=1\">&lt;b&gt;";
    let scene = Scene::new(script).await;
    scene.wang.note(scene.order, script).await;
    scene.wang.sync().await;
    let browser = scene.browser().await;
    for page in scene.pages() {
        browser.goto(&page).await;
        browser.find("main#live").await;
        let taken = "return [window.taken === undefined, document.images.length]";
        assert_eq!(browser.script(taken).await, json!([true, 0]), "{page}");
        if !page.ends_with("/phones") && !page.ends_with("/account") {
            assert!(browser.text("main#live").await.contains(script), "{page}");
        }
    }
    // The live update takes the page apart and puts it together again.
    browser.goto(&scene.order_url()).await;
    browser.find("#timeline").await;
    let again = format!("{script} again");
    scene.wang.note(scene.order, &again).await;
    scene.wang.sync().await;
    browser.until("//*[@id='timeline'][contains(., 'again')]").await;
    assert!(browser.text("#timeline").await.contains(&again));
    assert_eq!(browser.script("return window.taken === undefined").await, Value::Bool(true));
    assert_eq!(browser.console().await, [] as [&str; 0]);

    // What was typed comes back with a no as text, too.
    let long = format!("{script}</textarea>{}", "长".repeat(1_000));
    let type_it = format!(
        "const note = document.getElementById('note-text'); note.removeAttribute('maxlength');
         note.value = {}; return null",
        json!(long)
    );
    browser.script(&type_it).await;
    browser.click("form#note button").await;
    browser.find(".problem").await;
    let typed = browser.find("#note-text").await.prop("value").await.expect("a value");
    assert_eq!(typed, Some(long));
    assert_eq!(browser.script("return window.taken === undefined").await, Value::Bool(true));
}
