//! A customer's signature: the drawing from its strokes, and whether what was signed still stands.

use ed25519_dalek::VerifyingKey;
use maud::{Markup, html};
use serde_json::Value;
use sync_core::model::fact::StoredFact;
use sync_core::protocol::identity::Certificate;
use sync_core::rules::signature::{Strokes, Verification, verify_signed};
use sync_core::rules::{Review, TimelineEntry};

use super::layout::badge;
use super::words::Words;
use crate::App;

/// Checks a signature by the certificate of the device that wrote it.
pub fn check(
    app: &App,
    review: &Review,
    stored: &StoredFact,
    entry: &TimelineEntry,
    certificate: Option<&str>,
) -> Verification {
    let key = certificate.and_then(|text| certified(app, text, entry));
    verify_signed(review, stored, key.as_ref())
}

/// The key that this installation certified for the writer of an entry.
fn certified(app: &App, text: &str, entry: &TimelineEntry) -> Option<VerifyingKey> {
    let certificate: Certificate = serde_json::from_str(text).ok()?;
    let is_the_writers =
        Some(certificate.person) == entry.by && Some(certificate.device) == entry.device;
    let installation = app.keys.installation.verifying_key();
    certificate.verify(&installation).ok().filter(|_| is_the_writers)
}

/// The drawing with what the check found.
pub fn show(words: Words, content: &Value, verification: &Verification) -> Markup {
    let text = |member: &str| content.get(member).and_then(Value::as_str).unwrap_or_default();
    let strokes = Strokes::decode(text("strokes")).ok();
    let hash = text("content_sha256");
    let hash = hash.get(..16).unwrap_or(hash);
    html! {
        figure.signature {
            @if let Some(strokes) = &strokes { (drawing(words, strokes)) }
            @else { p { (words.say("office-no-drawing")) } }
            figcaption {
                (verdict(words, verification))
                span.quiet { (words.with("office-signed-content", &[("hash", hash)])) }
            }
        }
    }
}

fn verdict(words: Words, verification: &Verification) -> Markup {
    let part = |what: &str| words.code("office-part", what);
    match verification {
        Verification::Valid => badge("good", &words.say("office-signature-valid")),
        Verification::Altered { what } => {
            badge("bad", &words.with("office-signature-altered", &[("what", &part(what))]))
        }
        Verification::Missing { what } => {
            badge("warn", &words.with("office-signature-missing", &[("what", &part(what))]))
        }
        Verification::Erased => badge("warn", &words.say("office-signature-erased")),
        Verification::Untrusted => badge("warn", &words.say("office-signature-untrusted")),
    }
}

fn drawing(words: Words, strokes: &Strokes) -> Markup {
    let size = format!("0 0 {} {}", strokes.width, strokes.height);
    let width = (strokes.width.max(strokes.height) / 100).max(1);
    html! {
        svg viewBox=(size) role="img" aria-label=(words.say("office-drawing")) {
            g fill="none" stroke="currentColor" stroke-width=(width) stroke-linecap="round"
                stroke-linejoin="round"
            {
                @for stroke in &strokes.strokes { polyline points=(points(stroke)) {} }
            }
        }
    }
}

/// A stroke's points; one alone stands twice, else nothing would be drawn.
fn points(stroke: &[(u32, u32)]) -> String {
    let alone = stroke.first().filter(|_| stroke.len() == 1);
    let points = stroke.iter().chain(alone).map(|(x, y)| format!("{x},{y}"));
    points.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use sync_core::model::id::{DeviceId, FactKey, PersonId, SessionId};
    use sync_core::texts::Language;

    use super::*;
    use crate::testing::World;

    #[test]
    fn every_stroke_is_drawn_and_a_dot_too() {
        let strokes = vec![vec![(1, 2), (3, 4)], vec![(5, 6)]];
        let drawn = drawing(Words(Language::En), &Strokes { width: 900, height: 300, strokes });
        let first = "<polyline points=\"1,2 3,4\"></polyline>";
        assert!(drawn.0.contains(&format!("{first}<polyline points=\"5,6 5,6\"></polyline>")));
    }

    #[tokio::test]
    async fn only_a_certificate_of_this_installation_for_the_writer_is_trusted() {
        let world = World::new().await;
        let (person, device) = (PersonId(31), DeviceId(9));
        let entry = TimelineEntry {
            key: FactKey::Written { session: SessionId([1; 8]), n: 1, i: 0 },
            fact_type: "signed".to_owned(),
            by: Some(person),
            device: Some(device),
            at_ms: 0,
            wall_ms: 0,
            verified: true,
            said_at_ms: None,
            on_behalf_of: None,
            content: Value::Null,
            unknown: false,
        };
        let key = SigningKey::from_bytes(&[9; 32]).verifying_key();
        let issued = |installation: &SigningKey, person, device| {
            let certificate = Certificate::issue(installation, person, device, &key, 0);
            let text = serde_json::to_string(&certificate).expect("writes");
            certified(&world.app, &text, &entry)
        };
        let installation = &world.app.keys.installation;
        assert_eq!(issued(installation, person, device), Some(key));
        assert_eq!(issued(installation, PersonId(32), device), None);
        assert_eq!(issued(installation, person, DeviceId(10)), None);
        assert_eq!(issued(&SigningKey::from_bytes(&[8; 32]), person, device), None);
        assert_eq!(certified(&world.app, "{}", &entry), None);
    }
}
