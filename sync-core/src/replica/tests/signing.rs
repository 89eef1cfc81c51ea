//! A signing that is interrupted: what was drawn stays, and no order is signed by half a signing.

use serde_json::json;

use super::super::*;
use super::scene::{Scene, order};
use crate::environment::HookPlace;
use crate::model::id::FactKey;
use crate::model::payload::Step;
use crate::model::work_order::{Ratings, Relation};
use crate::rules::statement::Language;
use crate::rules::{Command, DenialCode};

const FIRST: [(u32, u32); 3] = [(100, 100), (200, 120), (240, 300)];
const SECOND: [(u32, u32); 2] = [(300, 90), (420, 250)];
const CANVAS: (u32, u32) = (1_000, 400);

async fn step(phone: &Replica, fact_type: &str, content: serde_json::Value) -> FactKey {
    let fact: Step = serde_json::from_value(json!({ "t": fact_type, "p": content })).expect("one");
    phone.perform(&Command::step(fact), Some(order(0))).await.expect("saves").key
}

/// A phone on which a visit is about to be signed.
async fn at_the_customers(scene: &Scene) -> (Replica, FactKey) {
    let phone = scene.ready(1).await;
    let visit = step(&phone, "set_out", json!({ "grade": 2 })).await;
    step(&phone, "start_work", json!({ "visit": visit })).await;
    step(&phone, "finish_work", json!({ "visit": visit })).await;
    (phone, visit)
}

async fn begin(phone: &Replica, visit: FactKey) -> String {
    let shown = phone.begin_signing((order(0), visit), Language::ZhCn, CANVAS).await;
    shown.expect("begins").text_sha256
}

fn sign(signing: &Signing) -> Command {
    Command::Sign {
        visit: signing.visit,
        language: signing.language,
        text_sha256: Some(signing.text_sha256.clone()),
        strokes: signing.strokes.clone(),
        relation: Relation::Owner,
        contact: None,
        ratings: Ratings { quality: 5, attitude: 5, conduct: 5 },
    }
}

async fn is_signed(phone: &Replica) -> bool {
    let review = phone.review(order(0)).await.expect("reads").expect("is here");
    review.timeline.iter().any(|entry| entry.fact_type == "signed")
}

async fn resumed(phone: &Replica) -> Option<Resumed> {
    phone.resume_signing().await.expect("reads")
}

/// R4.36
#[tokio::test]
async fn points_survive_a_restart() {
    let scene = Scene::new();
    let (phone, visit) = at_the_customers(&scene).await;
    assert_eq!(resumed(&phone).await, None);
    let early = phone.add_strokes(vec![FIRST.to_vec()]).await;
    assert!(matches!(early, Err(Error::Denied(denial)) if denial.code == DenialCode::NoSuchFact));
    let text_sha256 = begin(&phone, visit).await;
    phone.add_strokes(vec![FIRST.to_vec()]).await.expect("saves");
    let phone = scene.reopen(phone).await;
    phone.add_strokes(vec![SECOND.to_vec()]).await.expect("saves");
    // What is no part of a drawing changes nothing.
    for bad in [vec![vec![(1_001, 0)]], vec![vec![(0, 0), (900, 300)]; 5_000]] {
        let refused = phone.add_strokes(bad).await;
        assert!(matches!(refused, Err(Error::Denied(d)) if d.code == DenialCode::NotADrawing));
    }
    let phone = scene.reopen(phone).await;
    let Resumed { signing, statement, changed } = resumed(&phone).await.expect("goes on");
    assert_eq!((&signing.text_sha256, changed), (&text_sha256, false));
    assert_eq!(statement.text_sha256, text_sha256);
    assert_eq!(signing.strokes.strokes, [FIRST.to_vec(), SECOND.to_vec()]);
    assert!(!is_signed(&phone).await);
    phone.perform(&sign(&signing), Some(order(0))).await.expect("signs");
    assert!(is_signed(&phone).await);
    assert_eq!(resumed(&phone).await, None, "a signing ends with its signature");
    begin(&phone, visit).await;
    phone.drop_signing().await.expect("ends");
    assert_eq!(resumed(&phone).await, None);
    phone.close().await;
}

/// R4.36
#[tokio::test]
async fn a_signing_killed_at_any_statement_leaves_no_signed_order() {
    let scene = Scene::new();
    let (mut phone, visit) = at_the_customers(&scene).await;
    for place in [HookPlace::Before, HookPlace::Inside(1), HookPlace::Inside(2)] {
        begin(&phone, visit).await;
        phone.add_strokes(vec![FIRST.to_vec()]).await.expect("saves");
        scene.hooks.at_point("signing", place);
        tokio::select! {
            _ = phone.add_strokes(vec![SECOND.to_vec()]) => panic!("it hangs"),
            () = scene.hooks.arrived.notified() => {}
        }
        phone = scene.reopen(phone).await;
        let drawn = resumed(&phone).await.expect("goes on").signing.strokes.strokes;
        assert_eq!(drawn, [FIRST.to_vec()], "{place:?}");
        assert!(!is_signed(&phone).await);
    }
    phone.add_strokes(vec![SECOND.to_vec()]).await.expect("saves");
    let saved = phone.account().await.expect("reads").saved;
    // begin, session, command, list, number, the signing's end.
    let inside = (1..=6).map(HookPlace::Inside);
    for place in std::iter::once(HookPlace::Before).chain(inside) {
        let signing = resumed(&phone).await.expect("goes on").signing;
        assert_eq!(signing.strokes.strokes.len(), 2, "{place:?}");
        let command = sign(&signing);
        scene.hooks.at_point("command", place);
        tokio::select! {
            _ = phone.perform(&command, Some(order(0))) => panic!("it hangs: {place:?}"),
            () = scene.hooks.arrived.notified() => {}
        }
        phone = scene.reopen(phone).await;
        assert!(!is_signed(&phone).await, "{place:?}");
        assert_eq!(phone.account().await.expect("reads").saved, saved, "{place:?}");
    }
    let signing = resumed(&phone).await.expect("goes on").signing;
    scene.hooks.at_point("command", HookPlace::After);
    let command = sign(&signing);
    tokio::select! {
        _ = phone.perform(&command, Some(order(0))) => panic!("it hangs"),
        () = scene.hooks.arrived.notified() => {}
    }
    let phone = scene.reopen(phone).await;
    assert!(is_signed(&phone).await, "saved is saved");
    assert_eq!(resumed(&phone).await, None);
    phone.close().await;
}

/// R4.23, R4.36
#[tokio::test]
async fn a_text_that_changed_meanwhile_is_not_signed_on_resume() {
    let scene = Scene::new();
    let (phone, visit) = at_the_customers(&scene).await;
    let before = begin(&phone, visit).await;
    phone.add_strokes(vec![FIRST.to_vec(), SECOND.to_vec()]).await.expect("saves");
    let drawn = resumed(&phone).await.expect("goes on").signing;
    let charged = json!({ "visit": visit, "amount_fen": 12_000, "method": "cash" });
    step(&phone, "charged", charged).await;
    let phone = scene.reopen(phone).await;
    let refused = phone.perform(&sign(&drawn), Some(order(0))).await;
    assert!(matches!(refused, Err(Error::Denied(d)) if d.code == DenialCode::StatementDiffers));
    let Resumed { signing, statement, changed } = resumed(&phone).await.expect("goes on");
    assert!(changed && statement.text.contains("¥120.00"));
    assert_ne!(signing.text_sha256, before);
    assert_eq!(signing.strokes.strokes, Vec::<Vec<(u32, u32)>>::new(), "drawn under another text");
    assert!(!resumed(&phone).await.expect("goes on").changed, "told once");
    assert!(!is_signed(&phone).await);
    phone.close().await;
}
