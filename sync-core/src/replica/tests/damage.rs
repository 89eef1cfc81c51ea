//! One row that does not read holds up nothing but its record, and is made anew.

use super::super::Replica;
use super::scene::{Scene, WANG, notes, order, save};
use crate::model::id::{DeviceId, PersonId};
use crate::protocol::message::Outcome;
use crate::store::{HandOverId, SEALED, StoreWrite};

#[tokio::test]
async fn one_damaged_record_holds_up_no_other_and_comes_back_whole() {
    let scene = Scene::new();
    let phone = scene.ready(2).await;
    save(&phone, order(0), "一").await;
    save(&phone, order(1), "二").await;
    let one =
        "update accepted set sealed = x'00' where record = (select min(record) from accepted)";
    phone.store.harm(one).await;
    let phone = scene.reopen(phone).await;
    let (harmed, other) = match phone.review(order(0)).await {
        Err(_) => (order(0), order(1)),
        Ok(_) => (order(1), order(0)),
    };
    assert!(phone.review(harmed).await.is_err(), "a failed read is no empty record");
    scene.server.answers_as_it_should(2);
    let report = phone.sync_once().await.expect("the answer does not fail as a whole");
    assert_eq!((report.pushed, report.more), (2, true));
    assert_eq!(phone.account().await.expect("reads").on_phone, 1, "the other one is accepted");
    assert_eq!(notes(&phone, other).await.len(), 1);
    phone.sync_once().await.expect("syncs");
    assert_eq!(notes(&phone, harmed).await.len(), 1, "the record came whole, nothing is lost");
    scene.server.answers_as_it_should(1);
    phone.sync_once().await.expect("syncs");
    assert_eq!(phone.account().await.expect("reads").on_phone, 0);
    phone.close().await;
}

#[tokio::test]
async fn damaged_list_rows_are_made_anew_at_opening() {
    let scene = Scene::new();
    let phone = scene.ready(2).await;
    save(&phone, order(0), "一").await;
    let before = phone.list().await;
    phone.store.harm("update list set sealed = x'00'").await;
    let phone = scene.reopen(phone).await;
    assert_eq!(phone.list().await, before);
    let phone = scene.reopen(phone).await;
    assert_eq!(phone.list().await, before);
    phone.close().await;
}

/// A phone with a row in every sealed table: on each of two orders a command accepted without a
/// backup, one refused, one unsent.
async fn with_every_table(scene: &Scene) -> Replica {
    let phone = scene.ready(2).await;
    for text in ["一", "二", "三"] {
        save(&phone, order(0), text).await;
        save(&phone, order(1), text).await;
        if text == "一" {
            scene.server.answers_as_it_should(1);
            phone.sync_once().await.expect("syncs");
        } else if text == "二" {
            scene.server.judges(1, &[(3, Outcome::Refused), (4, Outcome::Refused)]);
            phone.sync_once().await.expect("syncs");
        }
    }
    let (owner, json) = (WANG, "{}".to_owned());
    let id = HandOverId { person: PersonId(77), device: DeviceId(3), n: 1 };
    let writes = [
        StoreWrite::PutHandOver { id, message: Vec::new() },
        StoreWrite::PutRetry { owner, json: Some(json.clone()) },
        StoreWrite::PutSigning { owner, record: order(0), json: json.clone() },
        StoreWrite::PutCaseAnswer { owner, question: 1, text: "好".to_owned() },
        StoreWrite::PutEnrolling { json },
    ];
    phone.store.apply("test", &writes).await.expect("writes");
    phone
}

#[tokio::test]
async fn one_damaged_row_of_any_table_keeps_no_phone_from_opening_and_pushing() {
    for (table, name) in SEALED {
        let scene = Scene::new();
        let phone = with_every_table(&scene).await;
        let harm = format!(
            "update {table} set sealed = zeroblob(60) \
             where {name} = (select min({name}) from {table})"
        );
        phone.store.harm(harm).await;
        let phone = scene.reopen(phone).await;
        scene.server.answers_as_it_should(6);
        phone.sync(3).await.unwrap_or_else(|error| panic!("{table}: {error:?}"));
        phone.sync(3).await.unwrap_or_else(|error| panic!("{table}: {error:?}"));
        let account = phone.account().await.unwrap_or_else(|error| panic!("{table}: {error:?}"));
        let lost = u64::from(table == "pending");
        assert_eq!((account.saved, account.on_phone), (6, lost), "{table}");
        assert_eq!(account.refused, 2, "{table}: it is counted");
        let refused = phone.refused().await.unwrap_or_else(|error| panic!("{table}: {error:?}"));
        assert_eq!(refused.len(), 2, "{table}");
        phone.inbox().await.unwrap_or_else(|error| panic!("{table}: {error:?}"));
        phone.questions().await.unwrap_or_else(|error| panic!("{table}: {error:?}"));
        let kept = phone.store.damaged().await.expect("reads");
        let kept = kept.iter().any(|row| row.table == table);
        let is_kept = ["refused", "sent", "hand_over", "signing", "case_answer", "enrolling"];
        assert_eq!(kept, is_kept.contains(&table), "{table}: what is not made anew is kept");
        phone.close().await;
    }
}

#[tokio::test]
async fn parked_rows_that_do_not_read_keep_no_phone_from_opening() {
    let scene = Scene::new();
    let phone = with_every_table(&scene).await;
    let (code, app_version) = ("malformed".to_owned(), "tested".to_owned());
    let parked = crate::store::Parked { n: 5, code, app_version };
    let put = StoreWrite::PutParked { owner: WANG, record: order(0), parked };
    phone.store.apply("test", &[put]).await.expect("writes");
    phone.store.harm("update parked set record = 'nonsense'").await;
    let phone = scene.reopen(phone).await;
    scene.server.answers_as_it_should(1);
    assert_eq!(phone.sync_once().await.expect("syncs").pushed, 2, "the search finds it again");
    phone.close().await;
}

#[tokio::test]
async fn one_damaged_command_keeps_nobody_from_reading_what_the_office_asks() {
    let scene = Scene::new();
    let phone = with_every_table(&scene).await;
    phone.store.harm("update pending set sealed = zeroblob(60) where n = 5").await;
    phone.questions().await.expect("reads");
    phone.inbox().await.expect("reads");
    phone.close().await;
}

#[tokio::test]
async fn a_later_word_on_a_refused_command_that_does_not_read_is_taken() {
    let scene = Scene::new();
    let phone = with_every_table(&scene).await;
    phone.store.harm("update refused set sealed = zeroblob(60) where n = 3").await;
    scene.server.next_altered(|answer| {
        let at = Some(crate::model::time::Seen { epoch: 1, sequence: 9 });
        answer.receipts.push(super::script::receipt(3, Outcome::Rewritten, at));
    });
    phone.sync_once().await.expect("syncs");
    let refused = phone.refused().await.expect("reads");
    assert_eq!(refused.iter().map(|row| row.n).collect::<Vec<_>>(), [4]);
    phone.close().await;
}
