//! Everybody can read the pages: names for what is filled in, contrast, one heading, no sideways
//! scrolling on a phone; and the browser has nothing to complain of.

use serde_json::json;

use super::scene::Scene;

/// What is filled in, pressed or seen, and has no name.
const NAMELESS: &str = "
    const named = (part) => part.getAttribute('aria-label') || part.getAttribute('aria-labelledby');
    const fields = [...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
        .filter((part) => !named(part) && ![...part.labels].some((l) => l.textContent.trim()));
    const pressed = [...document.querySelectorAll('a, button, summary')]
        .filter((part) => !named(part) && !part.textContent.trim());
    const seen = [...document.querySelectorAll('img, svg')].filter((part) =>
        part.getAttribute('aria-hidden') !== 'true' && !named(part) &&
        !part.getAttribute('alt') && !part.querySelector('title'));
    const marks = [...document.querySelectorAll('[aria-labelledby]')].filter((part) =>
        !document.getElementById(part.getAttribute('aria-labelledby')));
    const ids = [...document.querySelectorAll('[id]')].map((part) => part.id);
    const twice = ids.filter((id, place) => ids.indexOf(id) !== place);
    return [...fields, ...pressed, ...seen, ...marks].map((part) => part.outerHTML).concat(twice);";

const HEADINGS: &str = "return [document.querySelectorAll('h1').length, document.title !== '',
    document.querySelectorAll('main').length, document.documentElement.lang !== '']";

/// Texts too pale to read, by the formula of WCAG 2: 4.5 to 1, large ones 3 to 1.
const PALE: &str = "
    const read = (text) => {
        const n = text.match(/[\\d.]+/g).map(Number);
        return n.length < 4 ? [...n, 1] : n;
    };
    const light = ([r, g, b]) => {
        const part = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
        return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
    };
    const ground = (part) => {
        for (; part; part = part.parentElement) {
            const color = read(getComputedStyle(part).backgroundColor);
            if (color[3] > 0) return color;
        }
        return [255, 255, 255, 1];
    };
    const pale = [];
    for (const part of document.querySelectorAll('body *')) {
        const own = [...part.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
        if (!own || !part.getClientRects().length) continue;
        const style = getComputedStyle(part);
        const [a, b] = [light(read(style.color)), light(ground(part))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        if (ratio < (large ? 3 : 4.5)) pale.push([part.textContent.trim().slice(0, 40), ratio]);
    }
    return pale;";

/// What stands out of the window to the right, or is wider than it.
const SIDEWAYS: &str = "
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const out = [...document.querySelectorAll('body *')]
        .filter((part) => part.getBoundingClientRect().right > width + 1);
    return out.slice(0, 5).map((part) => part.outerHTML.slice(0, 200)).concat('scrolls');";

#[tokio::test]
async fn everything_on_every_page_has_a_name_and_can_be_read() {
    let scene = Scene::full().await;
    let browser = scene.browser().await;
    let mut pages = scene.pages();
    // A page for those who are not signed in, read by someone who is.
    pages.push(format!("{}/office/sign-in", scene.stage.url));
    pages.push(format!("{}/office/nothing", scene.stage.url));
    for page in pages {
        for size in [(1440, 900), (390, 844)] {
            browser.size(size.0, size.1).await;
            browser.goto(&page).await;
            browser.find("h1").await;
            assert_eq!(browser.script(NAMELESS).await, json!([]), "{page} {size:?}");
            assert_eq!(browser.script(HEADINGS).await, json!([1, true, 1, true]), "{page}");
            assert_eq!(browser.script(PALE).await, json!([]), "{page} {size:?}");
        }
    }
    // Each of these looks can fail.
    browser.goto(&scene.order_url()).await;
    let harm = "document.querySelector('label[for=note-text]').remove();
        document.querySelector('h2').style.color = '#aaa';
        document.body.append(document.querySelector('h1').cloneNode(true)); return null";
    browser.script(harm).await;
    assert_ne!(browser.script(NAMELESS).await, json!([]));
    assert_ne!(browser.script(PALE).await, json!([]));
    assert_eq!(browser.script(HEADINGS).await[0], 2);
}

#[tokio::test]
async fn no_page_scrolls_sideways_on_a_phone() {
    let scene = Scene::full().await;
    let word = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft";
    scene.wang.note(scene.order, word).await;
    scene.wang.sync().await;
    let browser = scene.browser().await;
    browser.size(390, 844).await;
    for page in scene.pages() {
        for language in ["zh-CN", "en"] {
            browser.goto(&format!("{page}?lang={language}")).await;
            browser.find("main#live").await;
            browser
                .script("document.querySelectorAll('details').forEach((d) => d.open = true)")
                .await;
            assert_eq!(browser.script(SIDEWAYS).await, json!([]), "{page} {language}");
        }
    }
    let harm = "document.querySelector('h1').style.width = '500px'; return null";
    browser.script(harm).await;
    assert_ne!(browser.script(SIDEWAYS).await, json!([]));
}

#[tokio::test]
async fn the_browser_complains_of_nothing_on_any_page() {
    let scene = Scene::full().await;
    let browser = scene.browser().await;
    let mut pages = scene.pages();
    pages.push(format!("{}/office/sign-in", scene.stage.url));
    for page in pages {
        browser.goto(&page).await;
        browser.find("h1").await;
        assert_eq!(browser.console().await, [] as [&str; 0], "{page}");
    }
    // It would be heard: the policy lets nothing into the page that does not come from here.
    browser.goto(&scene.order_url()).await;
    let foreign = "const s = document.createElement('script'); s.textContent = 'window.taken = 1';
        document.body.append(s); return window.taken === undefined";
    assert_eq!(browser.script(foreign).await, true);
    let heard = browser.console().await;
    assert!(heard.iter().any(|line| line.contains("Content Security Policy")), "{heard:?}");
}
