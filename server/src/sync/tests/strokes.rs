//! One drawing as the signature of several orders.

use sync_core::model::id::FactKey;
use sync_core::rules::sign_fact;

use super::*;

const DRAWN: &str = "AegHkAMCA8gByAHIAShQ6AIC2AS0AfABwAI";
const ANOTHER: &str = "AegHkAMCA8gByAHIAShQ6AIC2AS0AfABwAM";

fn sign(phone: &mut Phone, record: RecordId, strokes: &str) -> u64 {
    let visit = phone.write(record, "set_out", json!({ "grade": 2 })).facts[0].key;
    let signed = json!({
        "visit": visit, "template": "visit/1/zh-CN", "clock": "server", "shown": [],
        "content_sha256": "", "text_sha256": "", "strokes": strokes, "relation": "owner",
        "ratings": { "quality": 5, "attitude": 5, "conduct": 5 },
    });
    phone.number += 1;
    let key = FactKey::Written { session: phone.session, n: phone.number, i: 0 };
    let mut fact = phone.fact(key, "signed", &signed).parse().expect("a fact");
    sign_fact(record, &mut fact, &phone.key).expect("canonical");
    phone.change(record, vec![fact.store().expect("canonical")]);
    phone.number
}

async fn cases(world: &World) -> Vec<DeskCaseRow> {
    let mut cases = world.sync.desk_cases(0, 10, true).await.expect("reads");
    cases.retain(|case| case.kind == "equal_strokes");
    cases
}

/// R8.13
#[tokio::test]
async fn equal_strokes_in_two_orders_are_one_case() {
    let world = World::new().await;
    let mut chen = Phone::new(CHEN, 1);
    let first = world.order(&mut chen, 31).await;
    let second = world.order(&mut chen, 31).await;
    let mut wang = Phone::new(WANG, 9);
    world.settle(&mut wang).await;
    sign(&mut wang, first, DRAWN);
    // Signed again in the same order: the customer's own drawing, kept by a slow screen.
    sign(&mut wang, first, DRAWN);
    sign(&mut wang, second, ANOTHER);
    world.settle(&mut wang).await;
    assert_eq!(cases(&world).await, []);
    let number = sign(&mut wang, second, DRAWN);
    world.settle(&mut wang).await;
    let found = cases(&world).await;
    let [case] = &found[..] else { panic!("one case: {found:?}") };
    assert_eq!((case.record, case.site), (Some(second), Some(SITE)));
    assert_eq!((case.person, case.from, case.to), (WANG, number, number));
    assert_eq!(case.params, Some(json!({ "record": first })));
    // Neither the next fact nor the same drawing once more opens it again, also when it is closed.
    let reason = "one customer, one hand".to_owned();
    let decision = CaseDecision::Dismiss;
    let close = CloseCase { case: case.case, person: CHEN, decision, reason };
    world.sync.close_case(close).await.expect("closes");
    sign(&mut wang, second, DRAWN);
    sign(&mut wang, first, DRAWN);
    world.settle(&mut wang).await;
    let closed = cases(&world).await;
    assert_eq!(closed.len(), 1);
    assert!(closed[0].closed_ms.is_some());
    world.checked().await;
}
