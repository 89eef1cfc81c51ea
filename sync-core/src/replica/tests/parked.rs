//! Parked commands: what they keep behind them, for how long, and what goes on without them.

use std::collections::BTreeSet;

use super::super::*;
use super::scene::{Scene, WANG, order, save};
use super::script::{Reply, receipt};
use crate::document::pack::decode;
use crate::engine::triage::Culprit;
use crate::model::time::Seen;
use crate::protocol::chain::{HandOver, Numbers};
use crate::protocol::message::Outcome;
use crate::protocol::problem::ProblemCode;
use crate::store::StoreWrite;

/// Notes 1 and 3 on the first order, 2 and 4 on the second.
async fn four_notes(scene: &Scene) -> Replica {
    let phone = scene.ready(2).await;
    for (index, text) in [(0, "一"), (1, "二"), (0, "三"), (1, "四")] {
        save(&phone, order(index), text).await;
    }
    phone
}

async fn park(phone: &Replica, record: RecordId, n: u64) {
    let mut inner = phone.inner.lock().await;
    let culprit = Culprit { record, n, code: "malformed".to_owned() };
    phone.park(&mut inner, culprit).await.expect("parks");
}

async fn outbox(phone: &Replica) -> Vec<(u64, Option<String>)> {
    let commands = phone.outbox().await.expect("reads").commands;
    commands.into_iter().map(|command| (command.n, command.code)).collect()
}

/// R0.32
#[tokio::test]
async fn what_was_parked_and_has_come_otherwise_keeps_nothing_behind_it() {
    let scene = Scene::new();
    let phone = four_notes(&scene).await;
    park(&phone, order(0), 1).await;
    // The office took the file.
    scene.server.next_altered(|answer| {
        let at = Some(Seen { epoch: 1, sequence: 9 });
        answer.receipts.push(receipt(1, Outcome::Rewritten, at));
    });
    assert_eq!(phone.sync_once().await.expect("syncs").pushed, 2);
    scene.server.answers_as_it_should(1);
    assert_eq!(phone.sync_once().await.expect("syncs").pushed, 1, "the one behind it");
    assert_eq!(outbox(&phone).await, []);
    let phone = scene.reopen(phone).await;
    assert!(phone.store.sync_state(WANG).await.expect("reads").parked.is_empty());
    phone.close().await;
}

/// R0.32
#[tokio::test]
async fn a_parked_command_that_does_not_read_any_more_keeps_nothing_behind_it() {
    let scene = Scene::new();
    let phone = four_notes(&scene).await;
    park(&phone, order(0), 1).await;
    phone.store.harm("update pending set sealed = x'00' where n = 1").await;
    let phone = scene.reopen(phone).await;
    scene.server.answers_as_it_should(1);
    assert_eq!(phone.sync_once().await.expect("syncs").pushed, 3);
    assert!(phone.store.sync_state(WANG).await.expect("reads").parked.is_empty());
    phone.close().await;
}

/// R0.32
#[tokio::test]
async fn what_is_parked_is_signed_apart_and_holds_up_no_new_work() {
    let scene = Scene::new();
    let phone = four_notes(&scene).await;
    save(&phone, order(0), "五").await;
    park(&phone, order(0), 3).await;
    phone.enrol("new code", "电话", None).await.expect("enrols anew");
    let mut messages = Vec::new();
    for id in phone.store.hand_overs().await.expect("reads") {
        let message = phone.store.hand_over(id).await.expect("reads").expect("one");
        let hand_over: HandOver = minicbor::decode(&message).expect("reads");
        let packs = decode(&hand_over.packs).expect("reads");
        let facts = packs.iter().flat_map(|p| &p.changes).flat_map(|change| &change.facts);
        let numbers: BTreeSet<u64> = facts.filter_map(|fact| fact.key.number()).collect();
        messages.push((numbers, hand_over.told.unsent));
    }
    assert_eq!(messages, [(BTreeSet::from([1, 2, 4]), 5), (BTreeSet::from([3, 5]), 2)]);
    let codes: Vec<Option<String>> = outbox(&phone).await.into_iter().map(|(_, c)| c).collect();
    let (bad, behind) = (Some("malformed".to_owned()), Some(PARKED.to_owned()));
    assert_eq!(codes, [None, None, bad, None, behind], "the reason is still seen");

    // What the new device writes to the record stands on nothing that is parked.
    save(&phone, order(0), "六").await;
    *scene.server.hand_in_problem.lock().expect("not poisoned") = Some(ProblemCode::ChainBroken);
    scene.server.answers_as_it_should(1);
    assert_eq!(phone.sync_once().await.expect("syncs").pushed, 1);
    phone.close().await;
}

/// R0.31
#[tokio::test]
async fn a_phone_tells_which_unsent_commands_are_parked() {
    let scene = Scene::new();
    let phone = four_notes(&scene).await;
    save(&phone, order(0), "五").await;
    park(&phone, order(0), 1).await;
    scene.server.answers_as_it_should(2);
    phone.sync_once().await.expect("syncs");
    let told = |scene: &Scene| scene.server.sent().pop().expect("sent").request.state;
    let state = told(&scene);
    let alone = |n| Numbers { from: n, to: n };
    assert_eq!((state.unsent, state.to_come()), (5, 2));
    assert_eq!(state.parked, Some(vec![alone(1), alone(3), alone(5)]));
    phone.try_again().await;
    phone.sync_once().await.expect("syncs");
    assert_eq!(told(&scene).parked, None);
    phone.close().await;
}

/// R7.12, R0.32
#[tokio::test]
async fn an_alarm_during_the_search_does_not_end_it() {
    let scene = Scene::new();
    let phone = scene.ready(2).await;
    save(&phone, order(0), "一").await;
    save(&phone, order(0), "二").await;
    scene.server.next([Reply::Problem(ProblemCode::Malformed, Vec::new(), None)]);
    assert!(phone.sync_once().await.expect("searches").more);
    save(&phone, order(1), "警").await;
    let alarm = crate::model::alarm::KIND.to_owned();
    phone.inner.lock().await.list.get_mut(&order(1)).expect("held").projection.kind = alarm;
    scene.server.answers_as_it_should(1);
    let report = phone.sync_once().await.expect("syncs");
    assert_eq!((report.pushed, report.more), (1, true), "the search goes on at once");
    phone.close().await;
}

/// R0.32
#[tokio::test]
async fn a_full_disk_keeps_no_updated_app_from_opening() {
    let scene = Scene::new();
    let phone = four_notes(&scene).await;
    park(&phone, order(0), 1).await;
    {
        let mut inner = phone.inner.lock().await;
        let parked = inner.state.parked.get_mut(&order(0)).expect("parked");
        parked.app_version = "former".to_owned();
    }
    phone.store.fill_at_unparking().await;
    phone.unpark_at_opening().await.expect("opens");
    let parked = phone.store.sync_state(WANG).await.expect("reads").parked;
    assert_eq!(parked.len(), 1, "it stays parked");
    phone.close().await;
}

#[tokio::test]
async fn answers_are_not_searched_and_more_than_a_request_takes_follow_at_once() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    let put =
        |question| StoreWrite::PutCaseAnswer { owner: WANG, question, text: "好".to_owned() };
    let answers: Vec<StoreWrite> = (1..=60).map(put).collect();
    phone.store.apply("test", &answers).await.expect("writes");
    let phone = scene.reopen(phone).await;
    save(&phone, order(0), "一").await;
    save(&phone, order(0), "二").await;
    scene.server.next([Reply::Problem(ProblemCode::Malformed, Vec::new(), None)]);
    scene.server.answers_as_it_should(3);
    for _ in 0..4 {
        phone.sync_once().await.expect("syncs");
    }
    let carried = |scene: &Scene| -> Vec<usize> {
        let sent = scene.server.sent();
        sent.iter().map(|sent| sent.request.answers.iter().flatten().count()).collect()
    };
    assert_eq!(carried(&scene), [50, 0, 0, 0], "it is the push that is searched");
    for _ in 0..2 {
        scene.server.next([Reply::Answer(Box::new(|records, request| {
            let mut answer = records.answer(request, &BTreeMap::new());
            let answers = request.answers.iter().flatten();
            answer.answered = Some(answers.map(|answer| answer.question).collect());
            answer
        }))]);
    }
    assert!(!phone.sync(9).await.expect("syncs").more);
    assert_eq!(carried(&scene)[4..], [50, 10]);
    phone.close().await;
}
