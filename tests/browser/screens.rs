//! The pictures in docs/screens: made with `REGENERATE=1`, otherwise only looked for.

use std::path::PathBuf;

use super::scene::Scene;

const SIZES: [(u32, u32); 2] = [(1440, 900), (390, 844)];
const NAMES: [&str; 4] = ["today", "order", "round", "phones"];

fn picture(name: &str, width: u32) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/screens");
    folder.join(format!("{name}-{width}.png"))
}

/// The width that a PNG's header says.
fn width_of(png: &[u8]) -> Option<u32> {
    let rest = png.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    let width = rest.strip_prefix(b"\0\0\0\x0dIHDR")?.first_chunk()?;
    Some(u32::from_be_bytes(*width))
}

#[tokio::test]
async fn the_pictures_of_the_pages_are_there() {
    if std::env::var_os("REGENERATE").is_some_and(|value| value == "1") {
        make().await;
    }
    for name in NAMES {
        for (width, _) in SIZES {
            let path = picture(name, width);
            let png = std::fs::read(&path);
            let png = png.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(width_of(&png), Some(width), "{}", path.display());
        }
    }
    assert_eq!(width_of(b"GIF89a"), None);
}

async fn make() {
    let scene = Scene::full().await;
    let browser = scene.browser().await;
    for (width, height) in SIZES {
        browser.size(width, height).await;
        for (name, page) in NAMES.iter().zip(scene.pages()) {
            browser.goto(&format!("{page}?lang=zh-CN")).await;
            browser.find("html[lang=zh-CN] main#live").await;
            let png = browser.picture().await;
            assert_eq!(width_of(&png), Some(width), "{name}");
            std::fs::write(picture(name, width), png).expect("is written");
        }
    }
}
